/// The console: one page without anything from elsewhere. The token is kept in the page's memory only, and what is
/// shown is what the API gives to it.
enum ConsolePage {
  static func html(nonce: String) -> String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>Muniment</title>
    <style nonce="\(nonce)">
    body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
    input{width:100%;padding:.5rem;font:inherit;box-sizing:border-box}button{padding:.5rem 1rem;font:inherit;margin-top:.5rem}
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #ccc}
    #state{font-weight:bold}@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}}
    </style></head><body>
    <h1>Muniment</h1>
    <p>Service: <span id="state" role="status">asking</span></p>
    <p><a href="/healthz">Health</a> · <a href="/readyz">Readiness</a> · <a href="/metrics">Metrics</a></p>
    <h2>Operator</h2>
    <label for="token">Access token (<code>muniment access-token create --role operator</code>)</label>
    <input id="token" type="password" autocomplete="off">
    <button id="go">Show status</button>
    <p id="message" role="alert"></p>
    <h3>Problems</h3><table><tbody id="problems"><tr><td>sign in to see them</td></tr></tbody></table>
    <h3>Jobs</h3><table><tbody id="jobs"><tr><td>sign in to see them</td></tr></tbody></table>
    <script nonce="\(nonce)">
    const at=id=>document.getElementById(id);
    fetch('/readyz').then(r=>{at('state').textContent=r.ok?'ready':'not ready'},()=>{at('state').textContent='not reachable'});
    const rows=(id,list)=>{const body=at(id);body.replaceChildren(...list.map(cells=>{const tr=document.createElement('tr');
      for(const c of cells){const td=document.createElement('td');td.textContent=c??'';tr.append(td)}return tr}))};
    const ask=async path=>{const r=await fetch(path,{headers:{Authorization:'Bearer '+at('token').value.trim()}});
      const body=await r.json();if(!r.ok)throw new Error(body.detail);return body};
    at('go').addEventListener('click',async()=>{try{at('message').textContent='';
      const status=await ask('/v1/status'),jobs=await ask('/v1/jobs');
      rows('problems',status.problems.length?status.problems.map(p=>[p.code,p.detail,p.next_step]):[['none']]);
      rows('jobs',jobs.jobs.map(j=>[j.name,j.last_run?j.last_run.state:'never ran',j.last_run?j.last_run.started_at:'',j.purpose]));
    }catch(e){at('message').textContent=e.message}});
    </script></body></html>
    """
  }
}
