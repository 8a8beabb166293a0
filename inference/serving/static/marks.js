// What holds of every place: the server's marks, and over them what was decided here, by the same rules as at the server.
const VERDICTS = { confirm: "confirmed", reject: "rejected", grade: "regraded", add: "added" };

export class Marks {
  constructor(reader) { this.reader = reader; }

  /** Take the server's marks, and lay over them what has not been answered yet. */
  set(marks, pending, aiClass) {
    this.map = new Map(marks.map((mark) => [mark.place, mark]));
    this.before = new Map();
    for (const event of pending) this.apply(event, aiClass);
  }

  /** The mark of a place after an event; aiClass(place) is what the AI says there. Returns the place. */
  apply(event, aiClass) {
    if (event.kind === "undo") {
      const [place, before] = this.before.get(event.undone) || [event.place, undefined];
      if (before) this.map.set(place, before); else this.map.delete(place);
      return place;
    }
    const place = event.kind === "add" ? `own-${event.id}` : event.place;
    const before = this.map.get(place);
    if (event.kind === "note" && before) this.map.set(place, { ...before, note: event.note });
    if (!(event.kind in VERDICTS)) return place;
    this.before.set(event.id, [place, before]);
    this.map.set(place, {
      note: "", x_px: event.x_px, y_px: event.y_px, box_px: event.box_px, ai_class: "", ai_probability: 0, ...before, place, reader: this.reader,
      verdict: place.startsWith("own-") && event.kind !== "reject" ? "added" : VERDICTS[event.kind], class_id: event.class_id || before?.class_id || aiClass(place),
    });
    return place;
  }
}
