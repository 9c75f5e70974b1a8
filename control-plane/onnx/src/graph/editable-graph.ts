import { create, toBinary } from "@bufbuild/protobuf";
import { SartorError } from "@sartor/shared/errors";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { decodeModel } from "../inspect/decode-model.js";
import { normalDomain } from "../inspect/supported.js";
import { inferElementTypes } from "./element-types.js";
import { sortNodes } from "./sort-nodes.js";
import { capturedNames } from "./subgraphs.js";

/** What {@link EditableGraph.addNode} makes. */
export interface NewNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: readonly AttributeProto[];
}

/**
 * An ONNX model that can be changed: who produces and who consumes a value is known at any time, names stay unique, and the same
 * changes to the same model give the same bytes.
 *
 * Reading normalises three things: initializers leave the list of graph inputs (a default that nobody may override can be folded and
 * quantized), the default domain is written "", and every node gets a name of its own.
 */
export class EditableGraph {
  readonly #model: ModelProto;
  readonly #graph: GraphProto;
  readonly #nodes = new Set<NodeProto>();
  readonly #producers = new Map<string, NodeProto>();
  readonly #consumers = new Map<string, Set<NodeProto>>();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #names = new Set<string>();
  readonly #nodeNames = new Set<string>();
  #captured: ReadonlySet<string>;

  private constructor(model: ModelProto, graph: GraphProto) {
    this.#model = model;
    this.#graph = graph;
    for (const tensor of graph.initializer) this.#initializers.set(tensor.name, tensor);
    for (const { name } of [...graph.initializer, ...graph.input, ...graph.valueInfo]) this.#names.add(name);
    graph.input = graph.input.filter(({ name }) => !this.#initializers.has(name));
    for (const { name } of graph.node) if (name !== "") this.#names.add(name);
    for (const node of graph.node) this.#adopt(node);
    this.#captured = capturedNames(graph);
    for (const name of this.#captured) this.#names.add(name);
  }

  /**
   * Reads a model.
   *
   * @throws SartorError SRT_MODEL_NOT_ONNX: not a whole ONNX model
   */
  static decode(bytes: Uint8Array): EditableGraph {
    const { model, graph } = decodeModel(bytes);
    return new EditableGraph(model, graph);
  }

  /** Nodes in no particular order; {@link encode} puts each after its producers. */
  get nodes(): NodeProto[] {
    return [...this.#nodes];
  }

  /** Names of the inputs that a caller must give. */
  get inputs(): readonly ValueInfoProto[] {
    return this.#graph.input;
  }

  get outputs(): readonly ValueInfoProto[] {
    return this.#graph.output;
  }

  get initializers(): readonly TensorProto[] {
    return [...this.#initializers.values()];
  }

  /** The node that computes a value; `undefined` for inputs and initializers. */
  producer(value: string): NodeProto | undefined {
    return this.#producers.get(value);
  }

  /** The nodes that read a value, in the order in which they came. */
  consumers(value: string): NodeProto[] {
    return [...(this.#consumers.get(value) ?? [])];
  }

  initializer(name: string): TensorProto | undefined {
    return this.#initializers.get(name);
  }

  isOutput(value: string): boolean {
    return this.#graph.output.some(({ name }) => name === value);
  }

  isInput(value: string): boolean {
    return this.#graph.input.some(({ name }) => name === value);
  }

  /** Whether a subgraph of If, Loop or Scan reads this value by name; such a value must keep its name. */
  isCaptured(value: string): boolean {
    return this.#captured.has(value);
  }

  /** Whether exactly one node reads the value and nothing else does. */
  hasOneReader(value: string): boolean {
    return this.#consumers.get(value)?.size === 1 && !this.isOutput(value) && !this.isCaptured(value);
  }

  /** A name that nothing has yet: `hint`, or `hint_2`, `hint_3`, ... It is taken from now on. */
  uniqueName(hint: string): string {
    let name = hint;
    for (let count = 2; this.#names.has(name); count++) name = `${hint}_${count}`;
    this.#names.add(name);
    return name;
  }

  addInitializer(tensor: TensorProto): void {
    if (this.#initializers.has(tensor.name)) throw new Error(`initializer ${tensor.name} exists`);
    this.#initializers.set(tensor.name, tensor);
    this.#names.add(tensor.name);
  }

  /** Puts other data under the name of an initializer. */
  replaceInitializer(tensor: TensorProto): void {
    this.#initializers.set(tensor.name, tensor);
  }

  addNode(entry: NewNode): NodeProto {
    const node = create(NodeProtoSchema, {
      opType: entry.opType,
      domain: entry.domain ?? "",
      name: entry.name ?? "",
      input: [...entry.inputs],
      output: [...entry.outputs],
      attribute: [...(entry.attributes ?? [])],
    });
    this.#adopt(node);
    return node;
  }

  removeNode(node: NodeProto): void {
    this.#nodes.delete(node);
    this.#nodeNames.delete(node.name);
    for (const value of node.output) if (this.#producers.get(value) === node) this.#producers.delete(value);
    for (const value of node.input) this.#consumers.get(value)?.delete(node);
  }

  /** Makes one node read `to` wherever it read `from`. */
  rewireInput(node: NodeProto, from: string, to: string): void {
    if (!node.input.includes(from)) return;
    node.input = node.input.map((name) => (name === from ? to : name));
    this.#consumers.get(from)?.delete(node);
    this.#consumersOf(to).add(node);
  }

  /** Sets one input of a node; appends where there is none yet at this place. */
  setInput(node: NodeProto, index: number, to: string): void {
    const from = node.input[index];
    while (node.input.length < index) node.input.push("");
    node.input[index] = to;
    if (from !== undefined && !node.input.includes(from)) this.#consumers.get(from)?.delete(node);
    if (to !== "") this.#consumersOf(to).add(node);
  }

  /** Gives a node's output another name; readers are not changed. */
  renameOutput(node: NodeProto, from: string, to: string): void {
    node.output = node.output.map((name) => (name === from ? to : name));
    this.#producers.delete(from);
    this.#producers.set(to, node);
    this.#names.add(to);
  }

  /** Lists a value as an output of the graph, in front of nothing and without a type: ONNX Runtime finds it out. */
  addOutput(value: ValueInfoProto): void {
    if (!this.isOutput(value.name)) this.#graph.output.push(value);
  }

  /** Element type by value, by `TensorProto.DataType`; a value whose type cannot be found is absent. */
  elementTypes(): Map<string, number> {
    return inferElementTypes(this.#graph, this.sorted(), this.#initializers);
  }

  /** Shapes that the model states for its values; -1 where a dimension is open. */
  statedShapes(): Map<string, number[]> {
    const shapes = new Map<string, number[]>();
    for (const { name, type } of [...this.#graph.valueInfo, ...this.#graph.input, ...this.#graph.output]) {
      if (type?.value.case !== "tensorType" || type.value.value.shape === undefined) continue;
      const dims = type.value.value.shape.dim;
      shapes.set(
        name,
        dims.map(({ value }) => (value.case === "dimValue" ? Number(value.value) : -1)),
      );
    }
    return shapes;
  }

  /** Forgets the types and shapes stated for values between inputs and outputs: after they changed. */
  dropValueInfo(): void {
    this.#graph.valueInfo = [];
  }

  /** Nodes, each after those whose values it reads; equal for equal graphs. Throws SRT_MODEL_NOT_ONNX for a cycle. */
  sorted(): NodeProto[] {
    return sortNodes(this.nodes, this.#producers);
  }

  /** Version of an operator set; 0 where the model does not import it. */
  opset(domain = ""): number {
    return Number(this.#model.opsetImport.find((entry) => normalDomain(entry.domain) === domain)?.version ?? 0n);
  }

  /** Imports an operator set, or changes its version. */
  setOpset(domain: string, version: number): void {
    const others = this.#model.opsetImport.filter((entry) => normalDomain(entry.domain) !== domain);
    const entry = create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) });
    this.#model.opsetImport = domain === "" ? [entry, ...others] : [...others, entry];
  }

  /** Raises the IR version; initializers need not be inputs since 4, opset 13 came with 7. */
  requireIrVersion(minimum: number): void {
    if (this.#model.irVersion < BigInt(minimum)) this.#model.irVersion = BigInt(minimum);
  }

  /** Whether the model defines operators of its own as functions. */
  get hasFunctions(): boolean {
    return this.#model.functions.length > 0;
  }

  /** Names the tool that wrote the model. */
  setProducer(name: string, version: string): void {
    this.#model.producerName = name;
    this.#model.producerVersion = version;
  }

  /** A graph of its own with the same content. Tensor data is shared: tensors are replaced, never written into. */
  clone(): EditableGraph {
    return EditableGraph.decode(this.encode());
  }

  /**
   * Writes the model: nodes sorted, unused initializers and stale descriptions dropped, only operator sets that are used. The same graph
   * gives the same bytes.
   *
   * @throws SartorError SRT_MODEL_NOT_ONNX: a value that nothing produces, or a cycle
   */
  encode(): Uint8Array {
    const graph = this.#graph;
    graph.node = this.sorted();
    const used = new Set([...graph.node.flatMap(({ input }) => input), ...graph.output.map(({ name }) => name)]);
    for (const name of this.#captured) used.add(name);
    graph.initializer = [...this.#initializers.values()].filter(({ name }) => used.has(name));
    graph.quantizationAnnotation = graph.quantizationAnnotation.filter(({ tensorName }) => used.has(tensorName));
    graph.valueInfo = graph.valueInfo.filter(({ name }) => this.#producers.has(name) && !this.isOutput(name));
    this.#checkWhole(graph);
    this.#dropUnusedOpsets(graph);
    return toBinary(ModelProtoSchema, this.#model);
  }

  #checkWhole(graph: GraphProto): void {
    const known = new Set([
      ...this.#initializers.keys(),
      ...this.#producers.keys(),
      ...graph.input.map(({ name }) => name),
    ]);
    for (const tensor of graph.sparseInitializer) known.add(tensor.values?.name ?? "");
    const wanted = [...graph.node.flatMap(({ input }) => input), ...graph.output.map(({ name }) => name)];
    const missing = wanted.find((name) => name !== "" && !known.has(name));
    if (missing === undefined) return;
    throw new SartorError("SRT_MODEL_NOT_ONNX", `Nothing in the model produces the value ${missing}.`);
  }

  /** ONNX Runtime imports every domain it knows when it writes a model; only those in use stay. Subgraphs may use any, so they keep all. */
  #dropUnusedOpsets(graph: GraphProto): void {
    if (this.#model.functions.length > 0 || this.#captured.size > 0) return;
    const used = new Set(["", ...graph.node.map(({ domain }) => domain)]);
    this.#model.opsetImport = this.#model.opsetImport.filter(({ domain }) => used.has(normalDomain(domain)));
  }

  #adopt(node: NodeProto): void {
    node.domain = normalDomain(node.domain);
    if (node.name === "" || this.#nodeNames.has(node.name)) {
      node.name = this.uniqueName(`${node.opType}_${node.output[0] ?? this.#nodes.size}`);
    }
    this.#nodeNames.add(node.name);
    this.#nodes.add(node);
    for (const value of node.output) {
      if (value === "") continue;
      this.#producers.set(value, node);
      this.#names.add(value);
    }
    for (const value of node.input) if (value !== "") this.#consumersOf(value).add(node);
  }

  #consumersOf(value: string): Set<NodeProto> {
    const readers = this.#consumers.get(value) ?? new Set();
    this.#consumers.set(value, readers);
    return readers;
  }
}

/** An SRT_QUANTIZE_UNSUPPORTED about one node. */
export function unsupportedNode(node: NodeProto, problem: string): SartorError {
  return new SartorError("SRT_QUANTIZE_UNSUPPORTED", `The node ${node.name} (${node.opType}) ${problem}.`, {
    details: { node: node.name, operator: node.opType },
  });
}
