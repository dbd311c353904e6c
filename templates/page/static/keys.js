// The keyboard. Single keys can be switched off in the list of keys; arrows, Tab, Enter and Esc always work.
import { copy, say } from './actions.js';
import { keep, kept } from './store.js';

const $ = (selector, root = document) => root?.querySelector(selector);
let singles = kept('keys') !== 'off';
let going = 0;
const does = {}; // what other modules do for a key: does.e = row => {...}

export const onKey = (key, fn) => { does[key] = fn; };

export function start({ go, pages, sort, theme, clear, close, selected }) {
  const box = $('#single-keys');
  box.checked = singles;
  box.onchange = () => { singles = box.checked; keep('keys', singles ? '' : 'off'); };
  const byKey = new Map(pages.map(one => [one.key, one.name]));

  addEventListener('keydown', event => {
    const target = event.target, typing = /INPUT|TEXTAREA|SELECT/.test(target.tagName) && !/checkbox|radio/.test(target.type);
    const open = $('dialog[open]');
    if (event.key === 'Escape') {
      if (open) return;
      if (typing) { if (target.value && 'find' in target.dataset) clear(); target.blur(); return; }
      if (going) { go2(false); return; }
      if (!close()) clear();
      return;
    }
    if (typing) {
      if ('find' in target.dataset && /^(Enter|ArrowDown)$/.test(event.key)) { event.preventDefault(); target.blur(); move(0); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || open) return;
    if (target.role === 'tab' && /^Arrow(Left|Right)$/.test(event.key)) { tab(event, target); return; }
    const row = target.closest('[data-row]');
    if (row && /^Arrow(Left|Right)$/.test(event.key)) {
      const fold = row.closest('[aria-expanded]') || $('[aria-expanded]', row);
      if (fold && (fold.getAttribute('aria-expanded') === 'true') !== (event.key === 'ArrowRight')) { event.preventDefault(); ($('button[aria-expanded]', fold) || fold).click(); }
      return;
    }
    if (/^Arrow(Down|Up)$/.test(event.key)) {
      if (row || target.matches('h1,h2,main,body')) { event.preventDefault(); move(event.key === 'ArrowDown' ? 1 : -1); }
      return;
    }
    if (event.key === 'Enter' && row && target === row && !/^(A|BUTTON)$/.test(row.tagName)) { ($('a', row) || $('button', row))?.click(); return; }
    if (!singles || event.key.length !== 1) return;
    if (going) {
      const page = byKey.get(event.key);
      go2(false);
      if (page) { event.preventDefault(); go('/' + page); }
      return;
    }
    const all = {
      g() { go2(true); }, j() { move(1); }, k() { move(-1); }, '.'() { sort(); }, t() { theme(); }, '?'() { $('#help').showModal(); },
      '/'() { $('#view [data-find]')?.focus(); },
      c() {
        const near = $('[data-copy]', target.closest('.lr,li,#panel') || selected()) || $('#panel [data-copy]');
        if (near) copy(near.dataset.copy); else say('No command here');
      },
    };
    const fn = all[event.key] || (does[event.key] && (() => does[event.key](target.closest('[data-item],.lr,li') || selected(), target)));
    if (fn) { event.preventDefault(); fn(); }
  });

  function go2(on) {
    going = on;
    document.body.classList.toggle('going', on);
    clearTimeout(go2.timer);
    if (on) go2.timer = setTimeout(() => go2(false), 1500);
  }

  function move(by) {
    const all = [...document.querySelectorAll('#view [data-row]')].filter(one => one.checkVisibility({ contentVisibilityAuto: false }) && !one.closest('[hidden]'));
    if (!all.length) return;
    const at = document.activeElement;
    let i = all.indexOf(at.closest('[data-row]') || $('[data-row]', at.closest('.lr,li')));
    if (i < 0 && selected()) i = all.findIndex(one => selected().contains(one));
    const next = all[i < 0 ? 0 : Math.max(0, Math.min(all.length - 1, i + by))];
    next.focus({ preventScroll: true });
    next.closest('.lr,li')?.scrollIntoView({ block: 'nearest' });
  }
}

function tab(event, target) {
  const tabs = [...target.closest('[role=tablist]').querySelectorAll('[role=tab]')];
  const next = tabs[(tabs.indexOf(target) + (event.key === 'ArrowRight' ? 1 : tabs.length - 1)) % tabs.length];
  event.preventDefault();
  next.focus();
  next.click();
}
