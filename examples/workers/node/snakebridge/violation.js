// What a peer can do wrong. The names are those of the golden vectors in `tests/vectors`.

/** A breach of the protocol by the host, after which nothing that it says can be trusted. */
export class Violation extends Error {
  /** @param {string} kind a stable name: `shape`, `decode`, `flow`, … */
  constructor(kind, what) {
    super(`${kind}: ${what}`);
    this.name = "Violation";
    this.kind = kind;
  }
}
