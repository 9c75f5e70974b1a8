import { SartorError } from "@sartor/shared/errors";
import type { NodeProto } from "onnx-buf";
import { capturedByNode } from "./subgraphs.js";

/**
 * Puts every node after those that produce what it reads (subgraphs included). Depth first in the given order, so that equal graphs come
 * out equal and a sorted graph stays as it is; iterative, so that long chains cannot exhaust the stack.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX where the graph has a cycle
 */
export function sortNodes(nodes: readonly NodeProto[], producers: ReadonlyMap<string, NodeProto>): NodeProto[] {
  const done = new Set<NodeProto>();
  const open = new Set<NodeProto>();
  const sorted: NodeProto[] = [];
  for (const start of nodes) {
    const stack = [start];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (done.has(node)) {
        stack.pop();
        continue;
      }
      const waiting = needed(node, producers).filter((other) => !done.has(other));
      if (waiting.length === 0) {
        stack.pop();
        open.delete(node);
        done.add(node);
        sorted.push(node);
        continue;
      }
      open.add(node);
      if (waiting.some((other) => open.has(other))) {
        throw new SartorError("SRT_MODEL_NOT_ONNX", `The graph has a cycle through the node ${node.name}.`);
      }
      stack.push(...waiting.reverse());
    }
  }
  return sorted;
}

function needed(node: NodeProto, producers: ReadonlyMap<string, NodeProto>): NodeProto[] {
  const found = new Set<NodeProto>();
  for (const name of [...node.input, ...capturedByNode(node)]) {
    const producer = producers.get(name);
    if (producer !== undefined) found.add(producer);
  }
  return [...found];
}
