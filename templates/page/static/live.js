// The stream of a page: server-sent events over fetch, since those can carry the token. What was shown last is named, so that only the difference comes.
import { ask } from './store.js';

export class Live {
  // `take(kind, data)` has what comes; `tell(state, since)` the state of the connection: live, lost or token.
  constructor(take, tell) {
    this.take = take;
    this.tell = tell;
    this.id = '';
    this.tries = 0;
    this.running = 0;
    this.lostAt = 0;
    addEventListener('online', () => this.again());
    // A page that the browser keeps for the way back would keep its connection, of which there are only six.
    addEventListener('pagehide', () => this.stop());
    addEventListener('pageshow', event => { if (event.persisted && this.path) this.run(); });
    // So does one that nobody has looked at for a while; it has its connection back when it is seen.
    document.addEventListener('visibilitychange', () => {
      clearTimeout(this.sleep);
      if (document.hidden) this.sleep = setTimeout(() => this.stop(), 300000);
      else if (this.path && !this.state) this.run();
      else this.again();
    });
  }

  // Show another address from now on. What is shown stays until that comes.
  go(path) {
    this.path = path;
    this.tries = 0;
    this.run();
  }

  stop() { this.running++; this.control?.abort(); clearTimeout(this.timer); this.state = ''; }

  // Do not wait for the next try.
  again() { if (this.state === 'lost') { this.tries = 0; this.run(); } }

  async run() {
    this.control?.abort();
    clearTimeout(this.timer);
    const turn = ++this.running;
    const control = this.control = new AbortController();
    try {
      const answer = await ask(this.path, { signal: control.signal, headers: this.id ? { 'Last-Event-ID': this.id } : {}, cache: 'no-store' });
      if (turn !== this.running) return;
      if (answer.status === 401) { this.said('token'); return; }
      if (!answer.ok) throw new Error('HTTP ' + answer.status);
      this.tries = 0;
      this.said('live');
      await this.read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), turn);
    } catch (error) {
      if (turn !== this.running || error.name === 'AbortError') return;
      if (!/fetch|network|HTTP|load/i.test(error.message)) console.error(error);
    }
    if (turn !== this.running) return;
    if (!this.lostAt) this.lostAt = Date.now();
    const wait = Math.min(15000, 500 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
    this.said('lost');
    this.timer = setTimeout(() => this.run(), wait);
  }

  async read(reader, turn) {
    let pieces = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done || turn !== this.running) return;
      pieces += value;
      if (!value.includes('\n')) continue;
      let end;
      while ((end = pieces.indexOf('\n\n')) >= 0) {
        const text = pieces.slice(0, end);
        pieces = pieces.slice(end + 2);
        this.event(text);
      }
    }
  }

  event(text) {
    let kind = '', id = '', data = '';
    for (const line of text.split('\n')) {
      if (line.startsWith('event: ')) kind = line.slice(7);
      else if (line.startsWith('id: ')) id = line.slice(4);
      else if (line.startsWith('data: ')) data = line.slice(6);
    }
    if (!kind) return;
    this.id = id;
    this.take(kind, JSON.parse(data));
  }

  said(state) {
    this.state = state;
    if (state === 'live') this.lostAt = 0;
    this.tell(state, this.lostAt);
  }
}
