/* Binnacle: the small script. Every page reads without it; it adds speed and
   comfort, never meaning. No string lives here: words come from the JSON block
   <script type="application/json" id="words">, addresses from data attributes. */
(function () {
  'use strict';
  const doc = document, root = doc.documentElement;
  const $ = (s, r) => (r || doc).querySelector(s);
  const $$ = (s, r) => Array.from((r || doc).querySelectorAll(s));
  const coarse = matchMedia('(pointer: coarse)').matches;

  /* ---- Words: t(key, values); a word may be a map of plural forms, chosen by n ---- */
  let words = {};
  try { words = JSON.parse($('#words').textContent); } catch (e) { /* the key itself is shown */ }
  const plural = new Intl.PluralRules(root.lang || 'en');
  function t(key, values) {
    let w = words[key];
    if (w && typeof w === 'object') w = w[plural.select(values ? values.n : 0)] || w.other;
    if (w === undefined) w = key;
    return String(w).replace(/\{(\w+)\}/g, (m, k) => values && k in values ? values[k] : m);
  }

  /* ---- Small makers ---- */
  function make(tag, attrs) {
    const e = doc.createElement(tag);
    for (const k in attrs || {}) if (attrs[k] !== undefined && attrs[k] !== null && attrs[k] !== false) e.setAttribute(k, attrs[k] === true ? '' : attrs[k]);
    e.append(...Array.prototype.slice.call(arguments, 2).filter(Boolean));
    return e;
  }
  const iconBase = () => { const u = $('svg.icon use'); const h = u ? u.getAttribute('href') : '#'; return h.slice(0, h.indexOf('#') + 1); };
  function icon(id) {
    const ns = 'http://www.w3.org/2000/svg', s = doc.createElementNS(ns, 'svg'), u = doc.createElementNS(ns, 'use');
    s.setAttribute('class', 'icon'); s.setAttribute('aria-hidden', 'true'); u.setAttribute('href', iconBase() + id);
    s.append(u);
    return s;
  }
  const say = (text) => { const s = $('#say'); if (s) { s.textContent = ''; setTimeout(() => { s.textContent = text; }, 50); } };
  function post(url, fields) {
    return fetch(url, { method: 'POST', credentials: 'same-origin', body: new URLSearchParams(fields), headers: { Accept: 'application/json', 'X-Requested-With': 'fetch' } });
  }
  function debounce(f, ms) { let id; return function (...a) { clearTimeout(id); id = setTimeout(() => f.apply(this, a), ms); }; }

  /* ---- Theme: the server keeps it in a cookie; here it changes at once ---- */
  const themes = ['system', 'light', 'dark'], themeIcon = { system: 'i-auto', light: 'i-sun', dark: 'i-moon' };
  const theme = () => root.dataset.theme || 'system';
  function paintTheme() {
    const now = theme();
    $$('[data-theme-toggle]').forEach((b) => {
      b.setAttribute('aria-label', t('theme.' + now));
      b.title = t('theme.' + now);
      const u = $('use', b);
      if (u) u.setAttribute('href', iconBase() + themeIcon[now]);
    });
    $$('[data-set-theme]').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.setTheme === now)));
  }
  function setTheme(next) {
    if (next === 'system') delete root.dataset.theme; else root.dataset.theme = next;
    paintTheme();
    post(root.dataset.preferences || '/preferences', { theme: next }).then((r) => { if (!r.ok) throw r; }).catch(() => toast(t('error.save'), { bad: true }));
  }

  /* ---- Toasts ---- */
  function keep(box, ms) {
    let id;
    const start = () => { id = setTimeout(() => box.remove(), ms); }, stop = () => clearTimeout(id);
    box.addEventListener('pointerenter', stop); box.addEventListener('pointerleave', start);
    box.addEventListener('focusin', stop); box.addEventListener('focusout', start);
    start();
  }
  function toast(text, opt) {
    opt = opt || {};
    const box = make('div', { class: 'toast' + (opt.bad ? ' toast-bad' : '') }, opt.bad && icon('s-bad'), make('span', {}, text));
    if (opt.undo) {
      const f = make('form', { method: 'post', action: opt.undo.action });
      for (const k in opt.undo.fields || {}) f.append(make('input', { type: 'hidden', name: k, value: opt.undo.fields[k] }));
      f.append(make('button', { class: 'btn btn-sm' }, t('undo')));
      box.append(f);
    }
    if (opt.bad) box.append(make('button', { type: 'button', class: 'btn btn-sm btn-icon', 'data-dismiss': true, 'aria-label': t('close') }, icon('i-x')));
    const tray = openTray();
    if (tray) tray.append(box);
    keep(box, opt.undo || opt.bad ? 8000 : 5000);
  }
  /* A modal dialog makes the rest of the page inert: the tray moves into it, and back */
  doc.addEventListener('close', () => { const tray = $('dialog #toasts'); if (tray) doc.body.append(tray); }, true);
  function openTray() {
    const tray = $('#toasts'), top = $$('dialog:modal').pop() || doc.body;
    if (tray && tray.parentNode !== top) top.append(tray);
    return tray;
  }

  /* ---- Dialogs: palette and keys are modal; a drawer leaves the page usable and has an address ---- */
  let back = null;
  function open(id, opener) {
    const d = doc.getElementById(id);
    if (!d || d.open || d.tagName !== 'DIALOG') return;
    back = opener || doc.activeElement;
    if (d.classList.contains('drawer')) {
      $$('.drawer[open]').forEach((o) => o.close());
      d.show(); root.classList.add('drawer-open');
      if (location.hash !== '#' + id) history.replaceState(history.state, '', '#' + id);
      fill(d, opener && opener.dataset.src || d.dataset.src);
    } else d.showModal();
    const f = $('[autofocus], input:not([type=hidden]), [data-close]', d);
    if (f) f.focus();
    if (id === 'cmdk') resetPalette();
  }
  function fill(d, src) {
    const body = $('.drawer-body, [data-body]', d);
    if (!src || !body || d.dataset.filled === src) return;
    body.setAttribute('aria-busy', 'true');
    fetch(src, { credentials: 'same-origin', headers: { 'HX-Request': 'true' } }).then((r) => r.ok ? r.text() : Promise.reject(r)).then((html) => {
      body.innerHTML = html; d.dataset.filled = src; enhance(body);
      if (window.htmx) htmx.process(body);
    }).catch(failed).finally(() => body.removeAttribute('aria-busy'));
  }
  function close(d) {
    if (!d || !d.open) return;
    d.close();
    if (d.classList.contains('drawer')) {
      root.classList.toggle('drawer-open', !!$('.drawer[open]'));
      history.replaceState(history.state, '', location.pathname + location.search);
    }
    if (back && back.isConnected && back.focus) back.focus();
  }
  function fromHash() {
    let d = null;
    try { d = location.hash && doc.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (e) { /* not an id */ }
    if (d && d.classList.contains('drawer')) open(d.id);
  }

  /* ---- Ask before what cannot be undone ---- */
  function ask(form, submitter) {
    const d = form.dataset, word = d.confirmType;
    const yes = make('button', { type: 'button', class: 'btn ' + (d.confirmQuiet === undefined ? 'btn-danger' : 'btn-primary') }, d.confirmButton || (submitter && submitter.textContent.trim()) || t('confirm'));
    const no = make('button', { type: 'button', class: 'btn', 'data-close': true, autofocus: !word }, t('cancel'));
    const field = word && make('input', { class: 'input', id: 'confirm-word', autocomplete: 'off', spellcheck: 'false', autofocus: true });
    const dlg = make('dialog', { class: 'dialog confirm', 'aria-labelledby': 'confirm-h', 'aria-describedby': 'confirm-p', role: 'alertdialog' },
      make('h2', { id: 'confirm-h' }, d.confirmTitle || t('confirm.title')), make('p', { id: 'confirm-p' }, d.confirm),
      word && make('div', { class: 'field' }, make('label', { for: 'confirm-word' }, t('confirm.type', { word: word })), field),
      make('div', { class: 'form-acts' }, no, yes));
    if (field) { yes.disabled = true; field.addEventListener('input', () => { yes.disabled = field.value !== word; }); }
    const from = doc.activeElement;
    yes.addEventListener('click', () => { dlg.close('yes'); });
    dlg.addEventListener('close', () => {
      dlg.remove();
      if (from && from.isConnected) from.focus();
      if (dlg.returnValue !== 'yes') return;
      form.dataset.confirmed = '1';
      form.requestSubmit(submitter && submitter.form === form ? submitter : undefined);
    });
    doc.body.append(dlg); dlg.showModal();
  }

  /* ---- Command palette: the page's own list filtered here, things found by the server ---- */
  const pal = $('#cmdk'), input = pal && $('input', pal), live = pal && $('#cmdk-live', pal);
  let flight = null;
  const shown = () => $$('.cmdk-item', pal).filter((i) => !i.hidden && !i.closest('[hidden]'));
  function select(i) {
    $$('.cmdk-item[aria-selected="true"]', pal).forEach((x) => x.setAttribute('aria-selected', 'false'));
    if (!i) { input.removeAttribute('aria-activedescendant'); return; }
    if (!i.id) i.id = 'ck-' + $$('.cmdk-item', pal).indexOf(i) + '-' + Date.now().toString(36);
    i.setAttribute('aria-selected', 'true');
    input.setAttribute('aria-activedescendant', i.id);
    i.scrollIntoView({ block: 'nearest' });
  }
  const plain = (s) => s.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '');
  function filterPalette(q) {
    const list = plain(q).split(/\s+/).filter(Boolean);
    $$('.cmdk-item', pal).forEach((i) => { if (!live || !live.contains(i)) { const s = plain(i.textContent + ' ' + (i.dataset.words || '')); i.hidden = !list.every((w) => s.includes(w)); } });
    $$('[role=group]', pal).forEach((g) => { g.hidden = !$$('.cmdk-item', g).some((i) => !i.hidden); });
    settlePalette();
  }
  function settlePalette() {
    const list = shown(), none = $('[data-none]', pal);
    if (none) none.hidden = list.length > 0;
    select(list[0]);
    if (input.value) say(t('results', { n: list.length }));
  }
  const ask4 = debounce((q) => {
    if (flight) flight.abort();
    flight = new AbortController();
    const url = (root.dataset.palette || '/palette') + '?q=' + encodeURIComponent(q);
    fetch(url, { credentials: 'same-origin', signal: flight.signal, headers: { 'HX-Request': 'true' } })
      .then((r) => r.ok ? r.text() : '').then((html) => {
        if (input.value.trim() !== q) return;
        live.innerHTML = html;
        live.hidden = !$('.cmdk-item', live);
        $$('.cmdk-item', live).forEach((i) => { i.setAttribute('role', 'option'); i.setAttribute('tabindex', '-1'); i.setAttribute('aria-selected', 'false'); });
        $$('[role=group]', live).forEach((g) => { g.hidden = false; });
        settlePalette();
      }).catch((e) => { if (e.name !== 'AbortError') live.replaceChildren(); });
  }, 120);
  function resetPalette() {
    input.value = '';
    if (live) { live.replaceChildren(); live.hidden = true; }
    filterPalette('');
  }
  if (pal && input) {
    input.addEventListener('input', () => {
      const q = input.value.trim();
      filterPalette(q);
      if (!live) return;
      if (q) ask4(q); else { live.replaceChildren(); live.hidden = true; }
    });
    pal.addEventListener('keydown', (e) => {
      const list = shown(), at = list.findIndex((i) => i.getAttribute('aria-selected') === 'true');
      const move = { ArrowDown: at + 1, ArrowUp: at - 1 }[e.key];
      if (move !== undefined && list.length) { select(list[(move + list.length) % list.length]); e.preventDefault(); }
      if (e.key === 'Enter' && !e.isComposing) { e.preventDefault(); if (list[at]) list[at].click(); else if (input.value.trim() && pal.dataset.search) location.href = pal.dataset.search + '?q=' + encodeURIComponent(input.value.trim()); }
    });
  }

  /* ---- Copy ---- */
  function copy(text) {
    if (!navigator.clipboard) { toast(t('error.copy'), { bad: true }); return; }
    navigator.clipboard.writeText(text).then(() => toast(t('copied')), () => toast(t('error.copy'), { bad: true }));
  }
  function copied(b) {
    const from = b.dataset.copyFrom && doc.getElementById(b.dataset.copyFrom);
    return from ? (from.value !== undefined ? from.value : from.textContent) : b.dataset.copy;
  }

  /* ---- Choosing rows ---- */
  const boxes = (scope) => $$('input[type=checkbox][data-pick]', scope).filter((b) => !b.disabled);
  function count(scope) {
    if (!scope) return;
    const all = boxes(scope), on = all.filter((b) => b.checked), bar = $('[data-bulkbar]', scope), head = $('[data-pick-all]', scope);
    all.forEach((b) => { const r = b.closest('tr, li'); if (r) r.classList.toggle('is-picked', b.checked); });
    if (head) { head.checked = on.length > 0 && on.length === all.length; head.indeterminate = on.length > 0 && on.length < all.length; }
    if (!bar) return;
    bar.hidden = on.length === 0;
    const n = $('[data-bulk-count]', bar), text = t('selected', { n: on.length });
    if (n && n.textContent !== text) { n.textContent = text; if (on.length) say(text); }
  }
  let lastPick = null;
  function pick(b, e) {
    const scope = b.closest('[data-bulk]');
    if (!scope) return;
    const all = boxes(scope);
    if ('pickAll' in b.dataset) all.forEach((x) => { x.checked = b.checked; });
    else if (e.shiftKey && lastPick && all.includes(lastPick)) {
      const a = all.indexOf(lastPick), z = all.indexOf(b);
      all.slice(Math.min(a, z), Math.max(a, z) + 1).forEach((x) => { x.checked = b.checked; });
    }
    if ('pick' in b.dataset) lastPick = b;
    count(scope);
  }

  /* ---- Repeatable rows: [data-rows="spec.links"] holds [data-item]s and a <template>;
     names and ids carry the place, as spec.links.0.url ---- */
  const placed = ['name', 'id', 'for', 'list', 'data-rows', 'data-name', 'aria-describedby', 'aria-labelledby', 'aria-controls'];
  const quote = (s) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  function renumber(node, re, i) {
    const each = (e) => {
      placed.forEach((a) => { const v = e.getAttribute(a); if (v) e.setAttribute(a, v.replace(re, '$1' + i)); });
      if (e.tagName === 'TEMPLATE') $$('*', e.content).forEach(each);
    };
    each(node); $$('*', node).forEach(each);
  }
  const items = (list) => $$('[data-item]', list).filter((i) => i.parentNode.closest('[data-rows]') === list);
  function settle(list) {
    const re = new RegExp('((?:^|[^\\w.])(?:[\\w]+-)?' + quote(list.dataset.rows) + '\\.)(?:\\d+|__i__)(?![\\w])', 'g');
    const all = items(list), max = Number(list.dataset.max || 0);
    all.forEach((it, i) => {
      renumber(it, re, i);
      const n = $('[data-item-n]', it); if (n) n.textContent = i + 1;
      $$('[data-up]', it).filter((b) => b.closest('[data-item]') === it).forEach((b) => { b.disabled = i === 0; });
      $$('[data-down]', it).filter((b) => b.closest('[data-item]') === it).forEach((b) => { b.disabled = i === all.length - 1; });
    });
    const none = $('[data-rows-empty]', list); if (none) none.hidden = all.length > 0;
    $$('[data-add]', list).filter((b) => b.closest('[data-rows]') === list).forEach((b) => { b.disabled = max > 0 && all.length >= max; });
  }
  function addRow(list) {
    const tpl = $$('template', list).find((x) => x.closest('[data-rows]') === list);
    if (!tpl) return;
    const it = doc.importNode(tpl.content, true).querySelector('[data-item]');
    const all = items(list), last = all[all.length - 1];
    if (last) last.after(it); else tpl.before(it);
    settle(list); enhance(it); touched(list);
    const f = $('input:not([type=hidden]), select, textarea', it); if (f) f.focus();
    say(t('row.added', { n: items(list).length }));
  }
  function removeRow(it) {
    const list = it.parentNode.closest('[data-rows]'), all = items(list), i = all.indexOf(it);
    it.remove(); settle(list); touched(list);
    const next = items(list)[Math.min(i, all.length - 2)], f = next ? $('input, select, textarea, button', next) : $('[data-add]', list);
    if (f) f.focus();
    say(t('row.removed', { n: all.length - 1 }));
  }
  function moveRow(b, step) {
    const it = b.closest('[data-item]'), list = it.parentNode.closest('[data-rows]'), all = items(list), other = all[all.indexOf(it) + step];
    if (!other) return;
    if (step < 0) other.before(it); else other.after(it);
    settle(list); touched(list);
    if (b.disabled) { const o = $(step < 0 ? '[data-down]' : '[data-up]', it); if (o) o.focus(); } else b.focus();
  }

  /* ---- Tags: a comma separated field becomes chips; the field keeps the value ---- */
  function tags(box) {
    const field = $('input', box);
    if (!field || box.dataset.ready) return;
    box.dataset.ready = '1';
    const parse = () => field.value.split(',').map((s) => s.trim()).filter(Boolean);
    const entry = make('input', { class: 'tags-entry', id: field.id, autocomplete: 'off', spellcheck: 'false', list: field.getAttribute('list'), placeholder: field.placeholder, 'aria-describedby': field.getAttribute('aria-describedby'), 'aria-invalid': field.getAttribute('aria-invalid') });
    field.removeAttribute('id'); field.type = 'hidden';
    const draw = () => {
      $$('.chip', box).forEach((c) => c.remove());
      parse().forEach((w) => entry.before(make('span', { class: 'chip' }, w, make('button', { type: 'button', 'aria-label': t('remove', { name: w }), 'data-tag': w }, icon('i-x')))));
    };
    const set = (list) => { field.value = Array.from(new Set(list)).join(', '); draw(); touched(box); };
    const take = () => { const v = entry.value; if (!v.trim()) return; entry.value = ''; set(parse().concat(v.split(',').map((s) => s.trim()).filter(Boolean))); };
    entry.addEventListener('keydown', (e) => {
      if ((e.key === 'Enter' && entry.value.trim()) || e.key === ',') { e.preventDefault(); take(); }
      if (e.key === 'Backspace' && !entry.value) { const l = parse(); if (l.length) { say(t('remove', { name: l.pop() })); set(l); } }
    });
    entry.addEventListener('change', take);
    box.addEventListener('click', (e) => {
      const b = e.target.closest('[data-tag]');
      if (b) { set(parse().filter((w) => w !== b.dataset.tag)); entry.focus(); } else if (e.target === box) entry.focus();
    });
    box.append(entry); draw();
  }

  /* ---- Names after an @: a list of people and groups to choose from ---- */
  let lists = 0;
  function mentions(area) {
    if (area.dataset.ready) return;
    area.dataset.ready = '1';
    const list = make('div', { class: 'mention-list', role: 'listbox', id: 'mentions-' + (lists += 1), 'aria-label': t('mentions'), hidden: true });
    const box = make('div', { class: 'mention-box' });
    area.before(box); box.append(area, list);
    area.setAttribute('aria-controls', list.id); area.setAttribute('aria-autocomplete', 'list');
    const word = () => /(?:^|[^\p{L}\p{N}/@._\-=`\\])@([a-zA-Z0-9._:/-]+)$/u.exec(area.value.slice(0, area.selectionStart));
    const chosen = () => $('[aria-selected="true"]', list);
    const hide = () => { list.hidden = true; list.textContent = ''; area.removeAttribute('aria-activedescendant'); };
    const mark = (o) => { $$('[role="option"]', list).forEach((x) => x.setAttribute('aria-selected', String(x === o))); area.setAttribute('aria-activedescendant', o.id); o.scrollIntoView({ block: 'nearest' }); };
    const take = (o) => {
      const w = word(), name = o.dataset.value.replace(/^user:(?=[^/]*$)/, '');
      if (w) area.setRangeText(name + ' ', area.selectionStart - w[1].length, area.selectionStart, 'end');
      hide(); area.focus();
    };
    const look = debounce(() => {
      const w = word();
      if (!w) { hide(); return; }
      fetch(area.dataset.mentions + '&q=' + encodeURIComponent(w[1].replace(/^\w+:/, '')), { headers: { 'HX-Request': 'true' } }).then((r) => r.ok ? r.text() : '').then((html) => {
        const now = word();
        if (!now || now[1] !== w[1] || doc.activeElement !== area) return;
        const found = $$('option', new DOMParser().parseFromString('<select>' + html + '</select>', 'text/html')).slice(0, 8);
        list.textContent = '';
        found.forEach((o, i) => { list.append(make('div', { role: 'option', id: list.id + '-' + i, 'data-value': o.value, 'aria-selected': 'false' }, make('span', {}, o.textContent), make('small', {}, o.value))); });
        list.hidden = !found.length;
        if (found.length) mark(list.firstChild); else hide();
      }, hide);
    }, 150);
    area.addEventListener('input', look);
    area.addEventListener('blur', () => setTimeout(hide, 150));
    area.addEventListener('keydown', (e) => {
      const o = !list.hidden && chosen();
      if (!o) return;
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); const all = $$('[role="option"]', list), i = all.indexOf(o) + (e.key === 'ArrowDown' ? 1 : -1); mark(all[(i + all.length) % all.length]); }
      if (e.key === 'Enter' || e.key === 'Tab') { e.preventDefault(); take(o); }
      if (e.key === 'Escape') { e.stopPropagation(); hide(); }
    });
    list.addEventListener('mousedown', (e) => { const o = e.target.closest('[role="option"]'); if (o) { e.preventDefault(); take(o); } });
  }

  /* ---- Unsaved changes ---- */
  function touched(node) {
    const f = node.closest('form[data-dirty]');
    if (f) { f.dataset.dirty = 'yes'; $$('[data-dirty-note]', f).forEach((n) => { n.hidden = false; }); }
  }
  addEventListener('beforeunload', (e) => { if ($('form[data-dirty="yes"]')) e.preventDefault(); });

  /* ---- Passkeys (WebAuthn) ---- */
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text64 = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const ids = (list) => (list || []).map((c) => Object.assign({}, c, { id: bytes(c.id) }));
  function creation(o) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(o);
    return Object.assign({}, o, { challenge: bytes(o.challenge), user: Object.assign({}, o.user, { id: bytes(o.user.id) }), excludeCredentials: ids(o.excludeCredentials) });
  }
  function request(o) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(o);
    return Object.assign({}, o, { challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) });
  }
  function credential(c) {
    if (c.toJSON) return c.toJSON();
    const r = c.response, out = { clientDataJSON: text64(r.clientDataJSON) };
    ['attestationObject', 'authenticatorData', 'signature', 'userHandle'].forEach((k) => { if (r[k]) out[k] = text64(r[k]); });
    if (r.getTransports) out.transports = r.getTransports();
    return { id: c.id, rawId: text64(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined, clientExtensionResults: c.getClientExtensionResults(), response: out };
  }
  function json(url, body) {
    return fetch(url, { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, body: JSON.stringify(body || {}) }).then((r) => {
      if (!r.ok) throw r;
      return r.status === 204 ? {} : r.json();
    });
  }
  /* data-fields="username #user, name #label": fields sent to the options address, and in the query of the finish address */
  function fields(b) {
    const out = {};
    (b.dataset.fields || '').split(',').forEach((p) => { const [k, s] = p.trim().split(/\s+/); const f = s && $(s); if (f && f.value) out[k] = f.value; });
    return out;
  }
  let waiting = null;
  async function passkey(b, quiet) {
    const register = b.dataset.passkey === 'register', extra = fields(b);
    if (waiting) waiting.abort();
    waiting = new AbortController();
    if (!quiet) b.setAttribute('aria-busy', 'true');
    try {
      const o = await json(b.dataset.options, extra), key = o.publicKey || o, q = new URLSearchParams(extra).toString();
      const opt = { publicKey: register ? creation(key) : request(key), signal: waiting.signal };
      if (quiet) opt.mediation = 'conditional';
      const got = await (register ? navigator.credentials.create(opt) : navigator.credentials.get(opt));
      const done = await json(b.dataset.finish + (q ? (b.dataset.finish.includes('?') ? '&' : '?') + q : ''), credential(got));
      location.assign(done.location || b.dataset.next || location.href);
    } catch (e) {
      if (e.name === 'AbortError' || quiet) return;
      if (e.name === 'NotAllowedError') toast(t('passkey.cancelled'), { bad: true });
      else if (e.name === 'InvalidStateError') toast(t('passkey.known'), { bad: true });
      else if (e instanceof Response) failed(e);
      else toast(t('passkey.failed'), { bad: true });
    } finally { b.removeAttribute('aria-busy'); }
  }
  function offerPasskeys() {
    if (!window.PublicKeyCredential) { $$('[data-passkey]').forEach((b) => { b.hidden = true; }); $$('[data-no-passkey]').forEach((n) => { n.hidden = false; }); return; }
    $$('[data-passkey]').forEach((b) => { b.hidden = false; });
    const b = $('[data-passkey="login"][data-conditional]'), can = PublicKeyCredential.isConditionalMediationAvailable;
    if (b && can) can.call(PublicKeyCredential).then((ok) => { if (ok) passkey(b, true); });
  }

  /* ---- What went wrong, in words: problem+json when the server sent one ---- */
  function failed(r) {
    if (!r || !r.status) { toast(t('error.offline'), { bad: true }); return; }
    const body = r.json ? r.json().catch(() => ({})) : Promise.resolve(parse(r.responseText));
    body.then((p) => toast(p.detail || p.title || t(r.status === 403 ? 'error.forbidden' : r.status === 409 || r.status === 412 ? 'error.conflict' : r.status === 429 ? 'error.busy' : 'error.server'), { bad: true }));
  }
  function parse(s) { try { return JSON.parse(s) || {}; } catch (e) { return {}; } }

  /* ---- One listener for clicks ---- */
  const acts = '[data-open],[data-close],[data-theme-toggle],[data-set-theme],[data-copy],[data-copy-from],[data-more],[data-cancel],[data-print],[data-dismiss],[data-add],[data-remove],[data-up],[data-down],[data-passkey],[data-reveal],[data-pick],[data-pick-all],[data-unpick]';
  doc.addEventListener('click', (e) => {
    const b = e.target.closest && e.target.closest(acts);
    if (!b) {
      if (e.target.matches && e.target.matches('dialog.dialog:modal, dialog.cmdk:modal') && outside(e)) close(e.target);
      return;
    }
    const d = b.dataset;
    if ('pick' in d || 'pickAll' in d) { pick(b, e); return; }
    if (b.disabled || e.ctrlKey || e.metaKey || e.shiftKey) return;
    if (d.open) { if (doc.getElementById(d.open)) { e.preventDefault(); open(d.open, b); } }
    if ('print' in d) print();
    if ('close' in d) close(b.closest('dialog'));
    if ('dismiss' in d) b.closest('.toast, .notice').remove();
    if ('themeToggle' in d) { e.preventDefault(); setTheme(themes[(themes.indexOf(theme()) + 1) % 3]); }
    if (d.setTheme) { e.preventDefault(); setTheme(d.setTheme); }
    if (d.copy || d.copyFrom) copy(copied(b));
    if (d.more) { const row = doc.getElementById(d.more); if (row) { e.preventDefault(); row.hidden = !row.hidden; b.setAttribute('aria-expanded', String(!row.hidden)); if (!row.hidden) fill(row, row.dataset.src); } }
    if (d.cancel) cancel(b);
    if ('add' in d) addRow(b.closest('[data-rows]'));
    if ('remove' in d) removeRow(b.closest('[data-item]'));
    if ('up' in d) moveRow(b, -1);
    if ('down' in d) moveRow(b, 1);
    if (d.passkey) passkey(b);
    if (d.reveal) { const f = doc.getElementById(d.reveal), on = f.type === 'password'; f.type = on ? 'text' : 'password'; b.setAttribute('aria-pressed', String(on)); }
    if ('unpick' in d) { const s = b.closest('[data-bulk]'); boxes(s).forEach((x) => { x.checked = false; }); count(s); }
  });
  function outside(e) {
    const r = e.target.getBoundingClientRect();
    return e.clientX < r.left || e.clientX > r.right || e.clientY < r.top || e.clientY > r.bottom;
  }

  /* ---- Forms ---- */
  doc.addEventListener('submit', (e) => {
    const f = e.target;
    if (f.dataset.confirm && !f.dataset.confirmed) { e.preventDefault(); e.stopImmediatePropagation(); ask(f, e.submitter); return; }
    delete f.dataset.confirmed;
    if (f.dataset.dirty) f.dataset.dirty = 'no';
    if (f.method === 'get') { $$('input[name], select[name], textarea[name]', f).forEach((i) => { if (!i.value && !i.disabled) { i.disabled = true; setTimeout(() => { i.disabled = false; }); } }); return; }
    const b = e.submitter;
    if (b && !f.hasAttribute('hx-post') && !b.hasAttribute('formtarget')) { setTimeout(() => b.setAttribute('aria-busy', 'true'), 300); addEventListener('pageshow', () => b.removeAttribute('aria-busy'), { once: true }); }
  }, true);
  doc.addEventListener('input', (e) => { if (e.target.name || e.target.closest('.tags')) touched(e.target); });
  doc.addEventListener('change', (e) => {
    const s = e.target;
    if ('submits' in s.dataset && s.form) s.form.requestSubmit();
    if (s.dataset.shows !== undefined) shows(s);
  });
  /* select[data-shows="group"]: [data-when="group=value other"] follow it */
  function shows(s) {
    $$('[data-when^="' + s.dataset.shows + '="]', s.form || doc).forEach((n) => {
      const on = n.dataset.when.slice(s.dataset.shows.length + 1).split(' ').includes(s.type === 'checkbox' ? String(s.checked) : s.value);
      n.hidden = !on; $$('input, select, textarea', n).forEach((i) => { i.disabled = !on; });
    });
  }

  /* ---- Keys ---- */
  let pending = 0;
  const keysOn = () => root.dataset.keys !== 'off';
  const rows = () => $$('[data-row]').filter((r) => !r.hidden && !r.closest('[hidden]'));
  const current = () => $('[data-row][aria-selected="true"]');
  function step(by) {
    const list = rows();
    if (!list.length) return;
    const at = list.indexOf(current()), next = list[Math.max(0, Math.min(list.length - 1, at + by))];
    list.forEach((r) => r.removeAttribute('aria-selected'));
    next.setAttribute('aria-selected', 'true'); next.scrollIntoView({ block: 'nearest' });
    const a = $('a[href]', next); if (a) a.focus({ preventScroll: true });
  }
  const keys = {
    '?': () => open('keys'),
    '/': () => { const f = $('[data-filter-key]'); if (f) { f.focus(); f.select(); } return !!f; },
    j: () => step(1), k: () => step(-1),
    x: () => { const r = current(), b = r && $('[data-pick]', r); if (b) b.click(); },
    e: () => { const r = current(), b = r && $('[data-open], [data-more]', r) || $('[data-evidence-key]') || $('[data-edit-key]'); if (b) b.click(); },
    n: () => { const b = $('[data-new-key]'); if (b) b.click(); }
  };
  doc.addEventListener('keydown', (e) => {
    if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === 'k' && pal) { e.preventDefault(); if (pal.open) close(pal); else if (!$('dialog:modal')) open('cmdk'); return; }
    if (e.key === 'Escape' && !$('dialog:modal') && !$(':popover-open')) { const d = $('.drawer[open]'); if (d) close(d); else shut(); }
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && e.target.dataset && 'enter' in e.target.dataset && !e.target.value.includes('\n')) { e.preventDefault(); e.target.form.requestSubmit(); return; }
    if (!keysOn() || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e.target) || $('dialog:modal')) return;
    if (pending && Date.now() - pending < 1200) {
      pending = 0;
      const a = /^[a-z0-9]$/.test(e.key) && $('a[data-key="' + e.key + '"]');
      if (a) { e.preventDefault(); location.href = a.href; return; }
    }
    if (e.key === 'g') { pending = Date.now(); return; }
    const r = current();
    if (e.key === 'Enter' && r && e.target === doc.body) { const a = $('a[href]', r); if (a) a.click(); return; }
    if (Object.prototype.hasOwnProperty.call(keys, e.key)) { if (keys[e.key]() !== false && '?/'.includes(e.key)) e.preventDefault(); }
  });
  const typing = (n) => n.isContentEditable || /^(TEXTAREA|SELECT)$/.test(n.tagName) || (n.tagName === 'INPUT' && !/^(checkbox|radio|button|submit|reset|range)$/.test(n.type));

  /* ---- htmx: a line after 300 ms, errors as toasts, clean addresses ---- */
  const line = make('div', { class: 'progress-line', 'aria-hidden': 'true' });
  doc.body.append(line);
  let flying = 0, late = 0;
  doc.addEventListener('htmx:beforeRequest', () => { if (++flying === 1) late = setTimeout(() => line.classList.add('is-on'), 300); });
  doc.addEventListener('htmx:afterRequest', () => { if (--flying <= 0) { flying = 0; clearTimeout(late); line.classList.remove('is-on'); } });
  doc.addEventListener('htmx:configRequest', (e) => {
    if (e.detail.verb !== 'get') return;
    const p = e.detail.parameters;
    Object.keys(p).forEach((k) => { if (p[k] === '' || p[k] === null) delete p[k]; });
  });
  doc.addEventListener('htmx:responseError', (e) => { const x = e.detail.xhr; if (x.status === 401) location.reload(); else failed(x); });
  doc.addEventListener('htmx:sendError', () => failed(null));
  doc.addEventListener('htmx:timeout', () => failed(null));
  doc.addEventListener('htmx:afterSettle', (e) => {
    enhance(e.detail.elt);
    const scope = e.detail.elt.closest && e.detail.elt.closest('[data-bulk]'); if (scope) count(scope);
    const bad = $('[aria-invalid="true"]', e.detail.elt); if (bad) bad.focus();
    const n = $('[data-count]', e.detail.elt); if (n) say(n.textContent);
  });
  /* HX-Trigger: {"toast": {"text": "…", "undo": {"action": "/…", "fields": {…}}, "bad": false}} */
  doc.addEventListener('toast', (e) => { const d = e.detail || {}; toast(d.text || d.value || '', d); });

  /* ---- Tooltips: <title> works alone; here it comes sooner and in our type ---- */
  const tip = make('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  let host = null, kept = '';
  doc.body.append(tip);
  const titleOf = (el) => Array.prototype.find.call(el.children, (c) => c.tagName === 'title');
  function drop() { if (host) { const x = titleOf(host); if (x) x.textContent = kept; } host = null; tip.hidden = true; }
  function showTip(el, x, y) {
    const own = titleOf(el);
    if (host !== el) { drop(); host = el; kept = own.textContent; own.textContent = ''; tip.textContent = kept; tip.hidden = !kept; }
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(6, Math.min(innerWidth - w - 6, x + 14)) + 'px';
    tip.style.top = (y + 18 + h > innerHeight ? Math.max(6, y - h - 12) : y + 18) + 'px';
  }
  function titled(n) {
    let el = n.closest && n.closest('svg, svg *');
    while (el && el.namespaceURI.endsWith('svg')) { if (titleOf(el)) return el; el = el.parentNode; }
    return null;
  }
  doc.addEventListener('pointermove', (e) => { if (e.pointerType === 'touch') return; const el = titled(e.target); if (el) showTip(el, e.clientX, e.clientY); else drop(); });
  doc.addEventListener('focusin', (e) => { const el = !coarse && e.target.closest && e.target.closest('svg') && titled(e.target); if (el) { const r = el.getBoundingClientRect(); showTip(el, r.right, r.bottom - 10); } });
  doc.addEventListener('focusout', drop);
  root.addEventListener('pointerleave', drop);

  /* ---- Rows that open: Esc closes the row one stands on ---- */
  function shut() { const r = current(), b = r && $('[data-more][aria-expanded="true"]', r); if (b) { b.click(); b.focus(); } }

  /* ---- A part of the page that is still coming: [data-cancel="id"] ends its request ---- */
  function cancel(b) {
    const part = doc.getElementById(b.dataset.cancel);
    if (!part || !window.htmx) return;
    htmx.trigger(part, 'htmx:abort');
    part.dataset.cancelled = '1';
    b.parentNode.hidden = true;
    $$('[aria-busy]', part).forEach((x) => x.removeAttribute('aria-busy'));
    $$('[data-cancelled]', part).forEach((x) => { x.hidden = false; const a = $('a', x); if (a) a.focus(); });
  }
  function elapsed(n) {
    const from = Date.now(), id = setInterval(() => {
      const part = n.closest('[id]');
      if (!n.isConnected || n.closest('[data-cancelled]') || part && part.dataset.cancelled) { clearInterval(id); return; }
      n.textContent = n.dataset.elapsed.replace('{n}', Math.round((Date.now() - from) / 1000));
    }, 1000);
  }

  /* ---- [data-brush="/address?from=FROM&to=TO" data-from data-to]: dragging over a chart chooses a stretch of its x axis ---- */
  function brush(box) {
    const svg = $('.plot > svg', box);
    if (!svg) return;
    const band = make('div', { class: 'brush', hidden: true, 'aria-hidden': 'true' }), plot = svg.parentNode;
    let from = null, moved = false;
    plot.append(band);
    const at = (e) => { const r = svg.getBoundingClientRect(); return Math.max(0, Math.min(1, (e.clientX - r.left) / r.width)); };
    const draw = (a, z) => { const r = svg.getBoundingClientRect(), o = plot.getBoundingClientRect(); band.style.left = (r.left - o.left + Math.min(a, z) * r.width) + 'px'; band.style.width = Math.abs(z - a) * r.width + 'px'; };
    svg.addEventListener('pointerdown', (e) => { if (e.button === 0 && e.pointerType !== 'touch') { from = at(e); moved = false; } });
    svg.addEventListener('dragstart', (e) => e.preventDefault());
    doc.addEventListener('pointermove', (e) => {
      if (from === null) return;
      const z = at(e);
      moved = moved || Math.abs(z - from) * svg.getBoundingClientRect().width > 5;
      band.hidden = !moved; if (moved) draw(from, z);
    });
    doc.addEventListener('pointerup', (e) => {
      if (from === null) return;
      const a = Math.min(from, at(e)), z = Math.max(from, at(e)), t0 = Number(box.dataset.from), t1 = Number(box.dataset.to);
      from = null;
      if (!moved) return;
      const iso = (x) => new Date(Math.round(t0 + x * (t1 - t0))).toISOString();
      location.href = box.dataset.brush.replace('FROM', encodeURIComponent(iso(a))).replace('TO', encodeURIComponent(iso(z)));
    });
    svg.addEventListener('click', (e) => { if (moved) { e.preventDefault(); e.stopPropagation(); } }, true);
  }

  /* ---- input[data-find="selector"]: shows what of the panel around it has the words ---- */
  function find(field) {
    field.addEventListener('input', () => {
      const list = plain(field.value).split(/\s+/).filter(Boolean), around = field.closest('.panel') || doc;
      $$(field.dataset.find, around).forEach((n) => { const name = plain(n.dataset.name || n.textContent); n.hidden = !list.every((w) => name.includes(w)); });
    });
  }

  /* ---- What a new piece of page needs ---- */
  function enhance(r) {
    if (r.matches) [['[data-tags]', tags], ['[data-rows]', settle], ['[data-bulk]', count]].forEach(([s, f]) => { if (r.matches(s)) f(r); });
    $$('[data-tags]', r).forEach(tags);
    $$('[data-rows]', r).forEach(settle);
    $$('[data-mentions]', r).forEach(mentions);
    $$('[data-bulk]', r).forEach(count);
    $$('[data-shows]', r).forEach(shows);
    $$('[data-js]', r).forEach((n) => { n.hidden = false; });
    $$('[data-brush]', r).forEach(brush);
    $$('input[data-find]', r).forEach(find);
    $$('[data-elapsed]', r).forEach(elapsed);
    $$('.toast:not([data-timed])', r).forEach((b) => { b.dataset.timed = '1'; keep(b, $('form', b) ? 8000 : 5000); });
    $$('.chart-wide > svg .me', r).forEach((me) => { const w = me.closest('.chart-wide'), b = me.getBoundingClientRect(); w.scrollLeft += b.left + b.width / 2 - w.getBoundingClientRect().left - w.clientWidth / 2; });
    $$('.table-wrap .g-today', r).forEach((now) => { const w = now.closest('.table-wrap'); w.scrollLeft = now.offsetLeft - w.clientWidth / 3; });
  }
  root.classList.add('js');
  paintTheme(); enhance(doc); offerPasskeys(); fromHash();
  addEventListener('hashchange', fromHash);
  addEventListener('pageshow', (e) => { if (e.persisted) { paintTheme(); $$('[data-bulk]').forEach(count); } });
  const wrong = $('[aria-invalid="true"]');
  if (wrong && !location.hash) wrong.focus();
})();
