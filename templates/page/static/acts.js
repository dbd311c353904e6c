// What can be done from the page. A dialog is made by the server as things stand, says what changes and which command does the same, and
// only then something is sent. A 409 says that nothing was changed, and what is so now.
import { say } from './actions.js';
import { onKey } from './keys.js';
import { go } from './page.js';
import { onChange, parsed } from './patch.js';
import { ask } from './store.js';

const dialog = document.getElementById('act');
const $ = (selector, root = document) => root?.querySelector(selector);
const API = '/api/v1/coordination/fleet';
let opener = null;
let used = null; // what had the focus when a dialog was closed

/* What a shell takes for a text */
const plain = /^[\w@%+=:,./-]+$/;
export const quoted = text => (plain.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

function values(form) {
  const found = [];
  for (const one of form.elements) {
    if (!one.name) continue;
    const text = one.value.trim();
    if (!text || text === one.dataset.usual) continue;
    const flag = one.nodeName === 'SELECT' && !one.dataset.flag ? one.selectedOptions[0].dataset.flag : one.dataset.flag;
    const list = one.dataset.kind === 'paths' ? text.split('\n').map(line => line.trim()).filter(Boolean) : [text];
    const value = one.dataset.kind === 'paths' ? list : one.dataset.kind === 'number' ? Number(text) : text;
    const bare = one.nodeName === 'SELECT' && !one.dataset.flag;
    found.push({ name: one.name, value, words: bare ? [flag] : flag ? [flag, ...list.map(quoted)] : list.map(quoted) });
  }
  return found;
}

function write(form) {
  const code = $('[data-command]', form), words = values(form).flatMap(one => one.words).filter(Boolean);
  code.textContent = [code.dataset.command, ...words].join(' ');
  $('[data-copy]', form).dataset.copy = code.textContent;
}

// A release of what was let go before is no error, and did nothing.
const nothing = data => Boolean(data?.not_held?.length) && !data.released?.length;

/* Dialogs */
async function open(name, fields, from) {
  opener = from;
  let answer, told;
  try {
    answer = await ask(`/act/${name}?${fields}`);
    told = await answer.json();
  } catch { say('The server does not answer. Nothing was done.'); return; }
  if (!answer.ok) { say(failure(told)); return; }
  dialog.replaceChildren(parsed(told.html));
  dialog.setAttribute('aria-labelledby', 'act-t');
  dialog.removeAttribute('aria-label');
  const form = $('form', dialog);
  write(form);
  dialog.showModal();
  (form.querySelector('[name]') || $('[type=submit]', form)).focus();
}

const failure = told => [told?.data?.error?.message, told?.data?.error?.unharmed, told?.data?.error?.hint].filter(Boolean).join(' ') || 'That did not work.';

async function send(form) {
  const body = { ...JSON.parse(form.dataset.fixed) };
  for (const one of values(form)) body[one.name] = one.value;
  const no = $('[data-no]', form), button = $('[type=submit]', form), verb = button.textContent;
  no.hidden = true;
  form.dataset.sending = '';
  button.setAttribute('aria-disabled', 'true');
  button.textContent = verb + '\u2026';
  const done = await post(form.dataset.path, body);
  delete form.dataset.sending;
  button.removeAttribute('aria-disabled');
  button.textContent = verb;
  const there = form.isConnected; // somebody may have closed it, and opened another
  if (!done.ok && !there) { say(done.words); return; }
  if (done.ok) { if (there) dialog.close(); say(nothing(done.told.data) ? 'Nothing was changed: it holds nothing of that any more' : form.dataset.done + done.after); return; }
  no.textContent = done.words;
  no.hidden = false;
}

// One request; what came of it in words. `ok`: it was done, or was accepted here and waits for the hub.
export async function post(path, body) {
  let answer, told;
  try {
    answer = await ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    told = await answer.json();
  } catch { return { ok: false, words: 'The server did not answer, so it is not known whether this was done. Look at what is there before you try again.' }; }
  if (answer.ok) return { ok: true, told, after: answer.status === 202 ? ', tentative until the hub agrees' : '' };
  return { ok: false, told, words: (answer.status === 409 ? 'Nothing was changed. ' : '') + failure(told).replace(answer.status === 409 ? 'Nothing was changed. ' : '\0', '') };
}

dialog.addEventListener('input', event => { if (event.target.form) write(event.target.form); });
dialog.addEventListener('submit', event => { event.preventDefault(); if (!('sending' in event.target.dataset)) send(event.target); });
dialog.addEventListener('close', () => {
  const back = opener?.isConnected ? opener : heading();
  back?.focus({ preventScroll: true });
  [opener, used] = [null, back];
  dialog.replaceChildren();
});

// What was done may take its own button away: who works by keyboard goes on from the heading, and not from the top of the page.
const heading = () => $('#panel:not([hidden]) h2') || $('#view h1');
onChange(() => {
  if (!used || used.isConnected) return;
  used = null;
  if (document.activeElement === document.body) heading()?.focus({ preventScroll: true });
});

document.addEventListener('click', event => {
  const act = event.target.closest('[data-act]');
  if (act) { event.preventDefault(); open(act.dataset.act, act.dataset.with || '', act); return; }
  if (event.target.closest('[data-cancel]')) { dialog.close(); return; }
  const mark = event.target.closest('[data-mark]');
  if (mark) { event.preventDefault(); toggle(mark.closest('[data-item]')); }
});

/* Read and unread: known to this clone, so done at once */
async function toggle(row) {
  if (!row?.dataset.item) return;
  if (document.querySelector('[data-block=frame_mode]').textContent) { say('Only looking is allowed here'); return; }
  const kind = row.dataset.item.startsWith('kind-') ? row.dataset.kind : '';
  const unread = row.classList.contains('read');
  if (kind && unread) { say('Mark them one by one: ' + kind); return; }
  const done = await post(`${API}/inbox/${unread ? 'unread' : 'read'}`, kind ? { kind } : { ids: [row.dataset.item] });
  say(done.ok ? (unread ? 'Unread again' : 'Read') : done.words);
}
onKey('e', row => toggle(row?.closest('[data-item]')));
onKey('a', () => document.querySelector('#panel:not([hidden]) [data-act=accept]')?.click());
onKey('r', row => {
  const link = $('a[href^="/sessions?id="]', row) || document.querySelector('#panel:not([hidden]) [data-review]');
  if (link) go(link.getAttribute('href').replace(/&tab=review$/, '') + '&tab=review');
});
