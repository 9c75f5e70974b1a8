import type { ChannelSpaces, Space } from "./channel-spaces.js";

/** Channels of one origin within a value. */
export interface Segment {
  readonly space: Space;
  /** Elements along axis 1 for each channel: 1, or H x W once planes were flattened; undefined until a dense layer tells. */
  readonly block: number | undefined;
}

/** Where the channels of a value lie: along axis 1, one segment after the other. */
export interface Layout {
  readonly segments: readonly Segment[];
  readonly rank: number;
  /** Product of the dimensions after axis 1; undefined when unknown. */
  readonly plane: number | undefined;
}

/** Channels of a layout, blocks not counted. */
export function channelsOf(layout: Layout): number {
  return layout.segments.reduce((sum, { space }) => sum + space.size, 0);
}

/**
 * The layout of a value that has `length` elements along axis 1, with the block of flattened planes filled in; undefined where the
 * lengths do not fit.
 */
export function withLength(layout: Layout, length: number): Layout | undefined {
  const { segments } = layout;
  const known = segments.every(({ block }) => block !== undefined);
  // A block is left open by one flattening of the whole value, so that it is the same for all segments.
  const block = length / channelsOf(layout);
  const filled = segments.map((segment) => ({ ...segment, block: known ? segment.block : block }));
  const total = filled.reduce((sum, { space, block: each = 0 }) => sum + space.size * each, 0);
  return (known || Number.isInteger(block)) && total === length ? { ...layout, segments: filled } : undefined;
}

/** Places along axis 1 that stay, ascending. `keptOf` says which channels of a space stay. */
export function keptPlaces(layout: Layout, keptOf: (space: Space) => readonly number[]): number[] {
  const places: number[] = [];
  let start = 0;
  for (const { space, block = 1 } of layout.segments) {
    for (const channel of keptOf(space)) {
      for (let place = 0; place < block; place++) places.push(start + channel * block + place);
    }
    start += space.size * block;
  }
  return places;
}

/**
 * Makes two values that meet element by element lose the same channels.
 *
 * @returns the layout of what comes out; undefined where nothing can be said, and then both keep their channels
 */
export function couple(spaces: ChannelSpaces, a: Layout, b: Layout): Layout | undefined {
  const blockBoth = (result: Layout | undefined) => {
    block(spaces, a);
    block(spaces, b);
    return result;
  };
  if (a.rank !== b.rank) return blockBoth(undefined);
  const plane = a.plane === b.plane ? a.plane : undefined;
  // One channel meets all channels of the other: a mask over the plane.
  if (channelsOf(a) === 1 && channelsOf(b) > 1) return blockOne(spaces, a, { ...b, plane });
  if (channelsOf(b) === 1 && channelsOf(a) > 1) return blockOne(spaces, b, { ...a, plane });
  const fits =
    a.segments.length === b.segments.length &&
    a.segments.every((segment, index) => {
      const other = b.segments[index];
      const sameBlock = segment.block === undefined || other?.block === undefined || segment.block === other.block;
      return segment.space.size === other?.space.size && sameBlock;
    });
  if (!fits) return blockBoth(channelsOf(a) === channelsOf(b) ? { ...a, plane } : undefined);
  const segments = a.segments.map((segment, index) => {
    const other = b.segments[index] ?? segment;
    spaces.merge(segment.space, other.space);
    return { space: segment.space, block: segment.block ?? other.block };
  });
  return { segments, rank: a.rank, plane };
}

function blockOne(spaces: ChannelSpaces, mask: Layout, result: Layout): Layout {
  block(spaces, mask);
  return result;
}

/** Forbids that any channel of a value is removed. */
export function block(spaces: ChannelSpaces, layout: Layout): void {
  for (const { space } of layout.segments) spaces.block(space);
}
