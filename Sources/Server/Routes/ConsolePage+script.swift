extension ConsolePage {
  /// Panels by role: a member searches and reads; governance roles and the operator see their lists.
  static let script = #"""
    'use strict';
    const at = id => document.getElementById(id);
    const make = (name, text, kind) => {
      const node = document.createElement(name);
      if (text != null) node.textContent = text;
      if (kind) node.className = kind;
      return node;
    };
    let token = '';
    const ask = async (path, body) => {
      const reply = await fetch(path, {
        method: body ? 'POST' : 'GET', body: body && JSON.stringify(body),
        headers: { Authorization: 'Bearer ' + token, ...(body && { 'Content-Type': 'application/json' }) } });
      const text = await reply.text();
      const isJSON = (reply.headers.get('Content-Type') || '').includes('json');
      const value = isJSON ? JSON.parse(text) : text;
      if (!reply.ok) throw new Error(value.detail || reply.status);
      return value;
    };
    const guarded = act => async event => {
      if (event) event.preventDefault();
      at('message').textContent = '';
      try { await act(event) } catch (error) { at('message').textContent = error.message }
    };
    const panel = title => {
      const section = make('section');
      section.append(make('h2', title));
      at('panels').append(section);
      return section;
    };
    const button = (title, act) => {
      const node = make('button', title);
      node.type = 'button';
      node.addEventListener('click', guarded(act));
      return node;
    };
    const show = value => value == null ? '' : Array.isArray(value) ? value.map(show).join(', ') :
      typeof value === 'object' ? Object.entries(value).map(([k, v]) => k + ' ' + show(v)).join(', ') : String(value);
    const table = (rows, columns, none) => {
      if (!rows.length) return make('p', none, 'soft');
      const node = make('table'), head = make('tr');
      for (const [, title] of columns) head.append(make('th', title));
      node.append(head);
      for (const row of rows) {
        const line = make('tr');
        for (const [key] of columns) line.append(make('td', show(typeof key === 'function' ? key(row) : row[key])));
        node.append(line);
      }
      return node;
    };
    const text = body => !body ? '(no body)' : body.plain ?? '(sealed: opens with a key on its members\' devices)';
    const time = value => { const node = make('time', value.replace('T', ' ').replace('Z', ' UTC')); node.dateTime = value; return node };
    const names = {};

    const entry = (message, here) => {
      const line = make('li', null, here === message.message_id ? 'here' : '');
      const top = make('div', null, 'soft');
      top.append(make('strong', message.sender_name || message.sender_id || '(erased)'), ' · ', time(message.created_at));
      if (message.edited) top.append(' · edited');
      if (message.tier) top.append(' · ', names[message.conversation_id] || message.conversation_id, ' · ', message.tier);
      const said = make('div', text(message.body), 'text');
      said.dir = 'auto';
      line.append(top, said);
      if (message.tier) line.append(button('In its conversation', () => openConversation(message.conversation_id, message.message_id)));
      if (here === message.message_id) setTimeout(() => line.scrollIntoView({ block: 'center' }));
      return line;
    };
    const covered = coverage => {
      if (coverage.complete) return make('p', 'Everything you may read was searched.', 'soft');
      const box = make('div', null, 'warning');
      if (coverage.index_lag_events) box.append(make('p', 'The index is ' + coverage.index_lag_events + ' changes behind.'));
      for (const gap of coverage.gaps) box.append(make('p', 'Not searched: ' + (names[gap.conversation_id] || gap.conversation_id) +
        (gap.from ? ' from ' + gap.from + ' to ' + gap.to : '') + ' (' + gap.reason.replaceAll('_', ' ') + ')'));
      if (coverage.truncated) box.append(make('p', 'And more.'));
      return box;
    };

    let reading;
    const openConversation = async (id, around) => {
      const path = '/v1/conversations/' + encodeURIComponent(id) + '/messages?limit=40';
      const page = await ask(path + (around ? '&around=' + encodeURIComponent(around) : ''));
      reading.replaceChildren(make('h2', names[id] || id));
      const list = make('ol');
      const older = button('Older', async () => {
        const first = list.firstChild && list.firstChild.id;
        const more = await ask(path + '&before=' + encodeURIComponent(first));
        list.prepend(...rows(more.messages));
        if (!more.messages.length) older.disabled = true;
      });
      const newer = button('Newer', async () => {
        const more = await ask(path + '&after=' + encodeURIComponent(list.lastChild.id));
        list.append(...rows(more.messages));
        if (!more.messages.length) newer.disabled = true;
      });
      const rows = messages => messages.map(m => { const line = entry(m, around); line.id = m.message_id; return line });
      list.append(...rows(page.messages));
      reading.append(older, list, newer);
      if (!around) reading.scrollIntoView();
    };

    const quoted = id => /[\s()"]/.test(id) ? '"' + id + '"' : id;
    const monthAfter = month => new Date(Date.UTC(+month.slice(0, 4), +month.slice(5), 1)).toISOString().slice(0, 10);
    const narrowed = { conversation: it => 'in:' + quoted(it.value), sender: it => 'from:' + quoted(it.value),
      month: it => 'after:' + it.value + '-01 before:' + monthAfter(it.value), attachment: it => 'has:' + it.value };
    const faceted = (facets, narrow) => {
      const box = make('details');
      box.append(make('summary', 'Narrow down'));
      for (const [part, words] of Object.entries(narrowed)) {
        const buckets = (facets[part]?.buckets || []).filter(it => it.count);
        if (!buckets.length) continue;
        const row = make('p', null, 'row'), about = facets[part].exact ? '' : 'at least ';
        row.append(make('span', part, 'soft'), ...buckets.slice(0, 12).map(it =>
          button((it.name || it.value) + ' · ' + about + it.count, () => narrow(words(it)))));
        box.append(row);
      }
      return box.children.length > 1 ? box : '';
    };
    const readerPanels = async () => {
      const search = panel('Search'), form = make('form', null, 'row'), query = make('input'), where = make('select'), sort = make('select');
      query.type = 'search';
      query.placeholder = 'words "a phrase" -without word* from: before:2024-01-31 has:link';
      query.setAttribute('aria-label', 'Query');
      where.setAttribute('aria-label', 'Conversation');
      where.append(new Option('all conversations', ''));
      sort.setAttribute('aria-label', 'Order');
      sort.append(new Option('newest first', 'newest'), new Option('by relevance', 'relevance'));
      const found = make('div');
      form.append(query, where, sort, make('button', 'Search'));
      search.append(form, found);
      const list = panel('Conversations');
      reading = panel('Messages');
      reading.append(make('p', 'Choose a conversation or a hit.', 'soft'));
      const run = async (cursor, into) => {
        const body = { query: query.value, limit: 20, sort: sort.value };
        if (!cursor) body.facets = Object.keys(narrowed);
        if (where.value) body.conversation_ids = [where.value];
        if (cursor) body.cursor = cursor;
        const reply = await ask('/v1/search', body);
        if (!into) {
          into = make('ol');
          const { lower, upper } = reply.matches;
          const narrow = words => { query.value = (query.value + ' ' + words).trim(); return run() };
          found.replaceChildren(make('p', lower === upper ? lower + ' found' : 'at least ' + lower + ' found'), covered(reply.coverage),
            faceted(reply.facets || {}, narrow), into);
        }
        into.append(...reply.hits.map(hit => entry(hit)));
        if (reply.next_cursor) {
          const more = button('More', async () => { more.remove(); await run(reply.next_cursor, into) });
          found.append(more);
        }
      };
      form.addEventListener('submit', guarded(() => run()));
      const page = await ask('/v1/conversations');
      for (const it of page.conversations) {
        names[it.conversation_id] = it.name || it.conversation_id;
        where.append(new Option(names[it.conversation_id], it.conversation_id));
      }
      const items = make('p', null, 'row');
      items.append(...page.conversations.slice(0, 100).map(it => button(names[it.conversation_id], () => openConversation(it.conversation_id))));
      list.append(page.conversations.length ? items : make('p', 'You are in no conversation.', 'soft'));
      if (page.next_cursor || page.conversations.length > 100) list.append(make('p', 'and more: name one with in: in the query', 'soft'));
    };
    const holdPanel = async () => panel('Legal holds').append(table((await ask('/v1/holds')).holds,
      [['id', 'hold'], ['matter', 'matter'], [h => h.active ? 'active' : 'released', 'state'], ['custodians', 'custodians'],
       ['conversations', 'conversations'], ['placed_at', 'placed'], ['placed_by', 'by'], ['reason', 'reason']], 'No holds.'));
    const exportPanel = async () => panel('Exports').append(table((await ask('/v1/exports')).exports,
      [['id', 'export'], ['state', 'state'], ['formats', 'formats'], [e => e.counts.messages, 'messages'], ['created_at', 'created']], 'No exports.'));
    const erasurePanel = async () => panel('Erasures').append(table((await ask('/v1/erasures')).erasures,
      [['id', 'erasure'], ['state', 'state'], ['requested_at', 'requested'], ['due_at', 'due'], ['completed_at', 'completed']], 'No erasures.'));
    const auditPanel = async () => panel('Audit log').append(make('pre', await ask('/v1/audit/checkpoint')));
    const operatorPanels = async () => {
      const status = await ask('/v1/status'), jobs = await ask('/v1/jobs');
      panel('Problems').append(table(status.problems, [['code', 'problem'], ['detail', 'what'], ['next_step', 'next step']], 'None.'));
      panel('Jobs').append(table(jobs.jobs, [['name', 'job'], [j => j.last_run ? j.last_run.state : 'never ran', 'last run'],
        [j => j.last_run && j.last_run.started_at, 'started'], ['purpose', 'purpose']], 'None.'));
      panel('Index').append(table(Object.entries(status.index_lag), [['0', 'group'], ['1', 'changes behind']], 'Nothing indexed yet.'));
    };
    const panels = [[['member', 'compliance'], readerPanels], [['compliance'], holdPanel], [['compliance', 'dpo'], exportPanel],
      [['dpo', 'approver'], erasurePanel], [['auditor'], auditPanel], [['operator'], operatorPanels]];

    at('sign-in').addEventListener('submit', guarded(async () => {
      token = at('token').value.trim();
      at('panels').replaceChildren();
      at('who').textContent = '';
      let claims;
      try {
        const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0));
        claims = JSON.parse(new TextDecoder().decode(bytes));
      } catch { throw new Error('this is not an access token: three parts with points between them') }
      at('who').textContent = 'Tenant ' + claims.tenant + ', as ' + claims.roles.join(', ') + (claims.sub ? ' ' + claims.sub : '') +
        ', until ' + new Date(claims.exp * 1000).toLocaleString();
      for (const [roles, open] of panels) if (roles.some(role => claims.roles.includes(role))) await open();
    }));
    fetch('/readyz').then(r => { at('state').textContent = r.ok ? 'ready' : 'not ready' },
      () => { at('state').textContent = 'not reachable' });
    """#
}
