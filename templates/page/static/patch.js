// The one patcher. The server says what each block is, and which rows a list has; this makes the page so, and touches nothing else: focus, scroll,
// selection and open folds stay. Rows do not move under the hand: a new order is taken on arrival, on a filter, or when it is asked for.
import { retime, ticking } from './times.js';

const policy = window.trustedTypes?.createPolicy('gitfleet', { createHTML: text => text }) ?? { createHTML: text => text };
const parser = document.createElement('template');
const shown = new Map(); // block -> the HTML that it was last made from
const rows = new Map(); // row's block -> its element
const wanted = new Map(); // list -> the order that the server has
let listeners = [];

export const onChange = fn => { listeners.push(fn); };
export const rowOf = key => rows.get(key);

// All of a page. `fresh`: another page than before, so nothing of the old one stays.
export function whole(data, fresh) {
  const keys = new Set(Object.keys(data.blocks));
  if (fresh) forget();
  apply({ ...data, gone: [...shown.keys()].filter(key => !keys.has(key)) }, fresh);
}

export function apply(data, fresh = false) {
  const changed = [];
  const slots = [];
  const news = [];
  for (const key in data.blocks) {
    const html = data.blocks[key];
    if (shown.get(key) === html) continue;
    shown.set(key, html);
    if (rows.has(key)) news.push(key); else if (!key.includes(':')) slots.push(key);
  }
  if (news.length) patchRows(news, changed);
  for (const key of slots.sort((a, b) => (b === 'page') - (a === 'page'))) fill(key, changed);
  for (const key of data.gone || []) shown.delete(key);
  for (const [name, keys] of Object.entries(data.lists)) { wanted.set(name, keys); arrange(name, fresh); }
  for (const fn of listeners) fn(changed, fresh);
}

// Take the server's order everywhere, and let go of rows that are gone.
export function sort() {
  for (const name of wanted.keys()) arrange(name, true);
  for (const fn of listeners) fn([], true);
}

function forget() {
  for (const name of [...wanted.keys()]) if (document.querySelector(`#view [data-list="${name}"]`)) wanted.delete(name);
  for (const [key, row] of rows) if (row.closest('#view')) { rows.delete(key); shown.delete(key); }
  for (const slot of document.querySelectorAll('#view, #view [data-block]')) shown.delete(slot.dataset.block);
  document.getElementById('view').replaceChildren();
}

export function parsed(html) {
  parser.innerHTML = policy.createHTML(html);
  return parser.content;
}

function fill(key, changed) {
  for (const slot of document.querySelectorAll(`[data-block="${key}"]`)) {
    const fresh = parsed(shown.get(key));
    style(fresh);
    slot.hidden = !fresh.firstChild;
    const end = slot.dataset.stick === undefined || slot.scrollHeight - slot.scrollTop - slot.clientHeight < 24;
    children(slot, fresh);
    ticking(slot);
    for (const inner of slot.querySelectorAll('[data-block]')) if (shown.has(inner.dataset.block) && !inner.firstChild) fill(inner.dataset.block, changed);
    for (const inner of slot.querySelectorAll('[data-list]')) if (wanted.has(inner.dataset.list) && !inner.firstChild) arrange(inner.dataset.list, true);
    for (const inner of slot.querySelectorAll('[data-stick]')) if (!inner._stuck) { inner._stuck = true; inner.scrollTop = inner.scrollHeight; }
    if (slot.dataset.stick !== undefined && end) slot.scrollTop = slot.scrollHeight;
    changed.push(slot);
  }
}

// All changed rows at once: one parse is a fraction of many.
function patchRows(keys, changed) {
  const fresh = parsed(keys.map(key => shown.get(key)).join(''));
  style(fresh);
  let next = fresh.firstElementChild;
  for (const key of keys) {
    const row = rows.get(key), follows = next.nextElementSibling;
    if (next.nodeName === row.nodeName) { morph(row, next); changed.push(row); } else {
      next._key = key;
      row.replaceWith(next);
      rows.set(key, next);
      ticking(next);
      changed.push(next);
    }
    if (row.hasAttribute('data-own-gone')) row.removeAttribute('data-own-gone');
    next = follows;
  }
}

function arrange(name, sorted) {
  const list = document.querySelector(`[data-list="${name}"]`);
  if (!list) return;
  const keys = wanted.get(name), order = sorted || list.dataset.order === 'live';
  const end = list.dataset.stick !== undefined && (!list.firstElementChild || list.scrollHeight - list.scrollTop - list.clientHeight < 24);
  if (!list.firstElementChild) first(list, keys); else reorder(list, keys, order);
  if (end) list.scrollTop = list.scrollHeight;
}

function reorder(list, keys, order) {
  const there = new Set(keys);
  for (const row of [...list.children]) {
    if (row._key === undefined || there.has(row._key)) continue;
    if (order && !row.contains(document.activeElement)) { row.remove(); rows.delete(row._key); shown.delete(row._key); } else { row.setAttribute('data-own-gone', ''); }
  }
  let last = null;
  for (const key of keys) {
    let row = rows.get(key);
    if (!row || !row.isConnected) {
      row = made(key);
      if (!row) continue;
      if (last) last.after(row); else list.prepend(row);
      ticking(row);
    } else if (order && (last ? last.nextElementSibling !== row : list.firstElementChild !== row)) {
      if (row.contains(document.activeElement)) { const focus = document.activeElement; if (last) last.after(row); else list.prepend(row); focus.focus({ preventScroll: true }); } else if (last) last.after(row); else list.prepend(row);
    }
    last = row;
  }
}

// All rows at once: one parse is a tenth of many.
function first(list, keys) {
  const found = parsed(keys.map(key => shown.get(key) || '<i hidden></i>').join(''));
  style(found);
  [...found.children].forEach((row, i) => { row._key = keys[i]; rows.set(keys[i], row); });
  list.replaceChildren(found);
  ticking(list);
}

function made(key) {
  const html = shown.get(key);
  if (!html) return null;
  const fresh = parsed(html);
  style(fresh);
  const row = fresh.firstElementChild;
  row._key = key;
  rows.set(key, row);
  return row;
}

// `data-css="p:0.5;n:3"` are custom properties: attributes named style are forbidden by the page's policy.
function style(root) {
  for (const one of root.querySelectorAll('[data-css]')) properties(one);
}

function properties(one) {
  for (const pair of one.dataset.css.split(';')) {
    const [name, value] = pair.split(':');
    if (name) one.style.setProperty('--' + name.trim(), value);
  }
}

// What the browser says of an element once it is there, and not the server.
const OWN = new Set(['hidden', 'open', 'style', 'aria-expanded', 'aria-pressed']);

function attributes(old, next) {
  const now = next.attributes, before = old.attributes;
  for (let i = 0; i < now.length; i++) {
    const { name, value } = now[i];
    if (old.getAttribute(name) !== value && !(OWN.has(name) && old.hasAttribute(name))) old.setAttribute(name, value);
  }
  for (let i = before.length - 1; i >= 0; i--) {
    const { name } = before[i];
    if (!next.hasAttribute(name) && !OWN.has(name) && !name.startsWith('data-own')) old.removeAttribute(name);
  }
}

function morph(old, next) {
  if (old.nodeName === 'TIME') {
    if (old.dataset.at !== next.dataset.at || old.dataset.as !== next.dataset.as) {
      for (const name of ['datetime', 'data-at', 'data-as']) old.setAttribute(name, next.getAttribute(name));
      retime(old);
    }
    return;
  }
  attributes(old, next);
  if (old.dataset?.css !== undefined) properties(old);
  if (old.hasAttribute('data-block') || old.hasAttribute('data-list')) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(old.nodeName)) return;
  children(old, next);
}

function children(old, next) {
  let a = old.firstChild, b = next.firstChild;
  while (b) {
    const after = b.nextSibling;
    if (!a) { old.append(b); ticking(b); } else {
      const follows = a.nextSibling;
      if (a.nodeType === 1 && b.nodeType === 1 && a.nodeName === b.nodeName && a.id === b.id) morph(a, b);
      else if (a.nodeType === 3 && b.nodeType === 3) { if (a.nodeValue !== b.nodeValue) a.nodeValue = b.nodeValue; } else { a.replaceWith(b); ticking(b); }
      a = follows;
    }
    b = after;
  }
  while (a) { const follows = a.nextSibling; a.remove(); a = follows; }
}
