/**
 * Groups of nodes that reach each other (strongly connected components of more than one node, or a node with an edge
 * to itself), each in the order in which it was found. Tarjan's algorithm, SIAM J. Comput. 1 (1972), written without
 * recursion so that a long chain of files cannot exhaust the stack.
 */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const cycles: string[][] = [];

  for (const start of graph.keys()) {
    if (index.has(start)) continue;
    const work: { node: string; next: number }[] = [{ node: start, next: 0 }];
    while (work.length > 0) {
      const frame = work[work.length - 1];
      if (frame === undefined) break;
      const { node } = frame;
      if (frame.next === 0 && !index.has(node)) {
        index.set(node, index.size);
        low.set(node, index.get(node) ?? 0);
        stack.push(node);
        onStack.add(node);
      }
      const successor = graph.get(node)?.[frame.next];
      if (successor !== undefined) {
        frame.next += 1;
        if (!index.has(successor)) work.push({ node: successor, next: 0 });
        else if (onStack.has(successor)) low.set(node, Math.min(low.get(node) ?? 0, index.get(successor) ?? 0));
        continue;
      }
      work.pop();
      const parent = work[work.length - 1]?.node;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent) ?? 0, low.get(node) ?? 0));
      if (low.get(node) !== index.get(node)) continue;
      const component: string[] = [];
      for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
        onStack.delete(member);
        component.push(member);
        if (member === node) break;
      }
      if (component.length > 1 || graph.get(node)?.includes(node)) cycles.push(component);
    }
  }
  return cycles;
}
