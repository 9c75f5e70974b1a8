import type { GraphProto, NodeProto } from "onnx-buf";

const NOTHING: readonly string[] = [];

/** Graphs that a node carries (If, Loop, Scan). */
export function graphsOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]));
}

/** Names that the subgraphs of a node read, whether from themselves or from outside: a superset of what they capture. */
export function capturedByNode(node: NodeProto): readonly string[] {
  if (!node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0)) return NOTHING;
  const names = new Set<string>();
  const open = graphsOf(node);
  for (let graph = open.pop(); graph !== undefined; graph = open.pop()) {
    for (const { name } of graph.output) names.add(name);
    for (const inner of graph.node) {
      for (const name of inner.input) names.add(name);
      open.push(...graphsOf(inner));
    }
  }
  return [...names];
}

/** Names that any subgraph reads. */
export function capturedNames(graph: GraphProto): ReadonlySet<string> {
  return new Set(graph.node.flatMap(capturedByNode));
}
