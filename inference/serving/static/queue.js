// Decisions on their way: kept in the browser until they are answered, and sent again with the same id, so they count once.
import { ask } from "./page.js";

const LONGEST_MS = 10000;

export class Queue {
  constructor(name, address, { changed, refused, answered, troubled }) {
    Object.assign(this, { name, address, changed, refused, answered, troubled });
    this.list = [];
    try { this.list = JSON.parse(localStorage.getItem(name)) || []; } catch { /* private mode, or damaged: nothing waits */ }
    this.pause = 500;
    addEventListener("online", () => this.send());
    addEventListener("beforeunload", (event) => { if (this.list.length && this.offline) event.preventDefault(); });
  }

  push(event) {
    this.list.push(event);
    this.keep();
    this.send();
  }

  keep() {
    try {
      if (this.list.length) localStorage.setItem(this.name, JSON.stringify(this.list));
      else localStorage.removeItem(this.name);
    } catch { /* then they wait in this page alone */ }
    this.changed(this.list.length, this.offline);
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    clearTimeout(this.timer);
    try {
      while (this.list.length) {
        const first = this.list[0];
        const { status, body } = await ask(this.address, first);
        if (status === 401) { this.offline = "login"; throw new Error("logged out"); }
        if (status >= 500) { this.offline = "trouble"; this.troubled(body); throw new Error("trouble"); }
        if (this.offline === "trouble") this.troubled(null);
        this.offline = "";
        this.pause = 500;
        this.list.shift();
        this.keep();
        if (status === 200) this.answered(first, body);
        else await this.refused(first, body);
      }
    } catch {
      this.offline ||= "lost";
      this.timer = setTimeout(() => this.send(), this.pause);
      this.pause = Math.min(LONGEST_MS, this.pause * 2);
      this.keep();
    } finally {
      this.sending = false;
    }
  }
}
