import type { NodeProto, TensorProto } from "onnx-buf";
import { type EditableGraph, ELEMENT, elementsOf } from "../graph/index.js";
import { block, type Layout } from "./channel-layout.js";
import { ChannelSpaces, type Space } from "./channel-spaces.js";

/** What has to change once it is known which channels stay. */
export type Cut =
  /** The weight of a layer along its output axis, and its bias. */
  | { readonly kind: "outputs"; readonly node: NodeProto; readonly axis: number; readonly layout: Layout }
  /** A constant along one axis. */
  | { readonly kind: "axis"; readonly tensor: string; readonly axis: number; readonly layout: Layout }
  /** The number of groups of a depthwise convolution. */
  | { readonly kind: "group"; readonly node: NodeProto; readonly layout: Layout }
  /** One entry of a constant that holds a shape. */
  | {
      readonly kind: "entry";
      readonly node: NodeProto;
      readonly input: number;
      readonly place: number;
      readonly layout: Layout;
    };

/** A convolution whose output channels are a space. */
export interface Producer {
  readonly node: NodeProto;
  readonly space: Space;
  /** Axis of its weight that counts output channels. */
  readonly axis: number;
}

/** A layer that reads channels: where its weight counts them, and where it counts what it computes. */
export interface Reader {
  readonly node: NodeProto;
  readonly layout: Layout;
  readonly inputAxis: number;
  readonly outputAxis: number;
}

/**
 * Follows channels through one node: where they lie in its first output. Undefined where the operator mixes them or nothing can be said;
 * then all channels that it reads stay.
 */
export type TraceRule = (context: TraceContext, node: NodeProto) => Layout | undefined;

/** What following the channels through a graph gathers. */
export class TraceContext {
  readonly spaces = new ChannelSpaces();
  readonly producers: Producer[] = [];
  readonly readers: Reader[] = [];
  readonly cuts: Cut[] = [];
  readonly #layouts = new Map<string, Layout>();
  readonly #stated: Map<string, number[]>;

  constructor(readonly graph: EditableGraph) {
    this.#stated = graph.statedShapes();
  }

  /** Where a value's channels lie; those of a value that nothing is known of but its shape never change. Undefined for all else. */
  layoutOf(value: string): Layout | undefined {
    const known = this.#layouts.get(value);
    if (known !== undefined) return known;
    const shape = this.#stated.get(value);
    const channels = shape?.[1] ?? 0;
    if (shape === undefined || channels < 1 || this.graph.initializer(value) !== undefined) return undefined;
    const dims = shape.slice(2);
    const plane = dims.every((size) => size > 0) ? elementsOf(dims) : undefined;
    const layout = { segments: [{ space: this.spaces.add(channels, true), block: 1 }], rank: shape.length, plane };
    this.#layouts.set(value, layout);
    return layout;
  }

  setLayout(value: string, layout: Layout): void {
    if (value !== "") this.#layouts.set(value, layout);
  }

  /** All values whose channels are followed. */
  get followed(): Iterable<[string, Layout]> {
    return this.#layouts;
  }

  block(value: string): void {
    const layout = this.#layouts.get(value);
    if (layout !== undefined) block(this.spaces, layout);
  }

  /** A float constant that only one node reads; undefined for anything else. */
  ownConstant(name: string): TensorProto | undefined {
    const tensor = this.graph.initializer(name);
    return tensor?.dataType === ELEMENT.float && this.graph.hasOneReader(name) ? tensor : undefined;
  }
}
