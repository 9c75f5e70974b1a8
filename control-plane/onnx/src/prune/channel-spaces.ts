/** Channels that a layer computes, before it is known which others have to lose the same ones. */
export interface Space {
  readonly id: number;
  /** Number of channels. */
  readonly size: number;
}

/** Which spaces of channels lose the same channels, and which must keep all: a union-find. */
export class ChannelSpaces {
  readonly #parents: number[] = [];
  readonly #blocked = new Set<number>();

  /** A new space. A fixed one never loses a channel, nor does what it is merged with. */
  add(size: number, fixed = false): Space {
    const space = { id: this.#parents.length, size };
    this.#parents.push(space.id);
    if (fixed) this.block(space);
    return space;
  }

  /** Two spaces lose the same channels from now on. They have to be equally large. */
  merge(a: Space, b: Space): void {
    if (a.size !== b.size) throw new RangeError(`spaces of ${a.size} and ${b.size} channels cannot lose the same ones`);
    const [root, other] = [this.groupOf(a), this.groupOf(b)].sort((x, y) => x - y) as [number, number];
    this.#parents[other] = root;
    if (this.#blocked.has(other)) this.#blocked.add(root);
  }

  block(space: Space): void {
    this.#blocked.add(this.groupOf(space));
  }

  isBlocked(space: Space): boolean {
    return this.#blocked.has(this.groupOf(space));
  }

  /** A number that all spaces share which lose the same channels: the least id among them. */
  groupOf(space: Space): number {
    let id = space.id;
    for (let parent = this.#parents[id]; parent !== undefined && parent !== id; parent = this.#parents[id]) id = parent;
    return id;
  }
}
