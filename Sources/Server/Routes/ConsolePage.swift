/// The console: one page without anything from elsewhere. The token is kept in the page's memory only; what is shown
/// is what the API gives to it, and always as text, never as markup.
enum ConsolePage {
  static func html(nonce: String) -> String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>Muniment</title>
    <style nonce="\(nonce)">\(style)</style></head><body>
    <header><h1>Muniment</h1><p>Service: <span id="state" role="status">asking</span> ·
    <a href="/healthz">health</a> · <a href="/readyz">readiness</a> · <a href="/metrics">metrics</a></p></header>
    <form id="sign-in"><label for="token">Access token
    (<code>muniment access-token create --role member --subject SUBJECT</code>, or another role)</label>
    <div class="row"><input id="token" type="password" autocomplete="off" spellcheck="false"><button>Sign in</button></div>
    </form>
    <p id="who"></p><p id="message" role="alert"></p>
    <main id="panels"></main>
    <script nonce="\(nonce)">\(script)</script></body></html>
    """
  }

  private static let style = """
    :root{color-scheme:light dark;--line:#d0d4d9;--soft:#59636e;--mark:#0a5c8f}
    @media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9198a1;--mark:#79c0ff}}
    body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
    h1{margin:0}h2{border-bottom:1px solid var(--line);padding-bottom:.2rem;margin-top:2rem}
    .row{display:flex;gap:.5rem;flex-wrap:wrap}input,select,button{padding:.45rem .7rem;font:inherit;box-sizing:border-box}
    input{flex:1;min-width:12rem}table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
    td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
    th,.soft,time{color:var(--soft);font-size:.9em;font-weight:normal}#state{font-weight:bold}
    ol{list-style:none;padding:0}li{padding:.5rem 0;border-bottom:1px solid var(--line)}
    .text{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;text-align:start}
    .here{border-left:3px solid var(--mark);padding-left:.6rem}pre{overflow-x:auto}
    #message,.warning{color:#b42318}@media(prefers-color-scheme:dark){#message,.warning{color:#ffa198}}
    """
}
