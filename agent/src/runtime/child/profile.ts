/**
 * Reads which execution providers ran a graph from ONNX Runtime's profile: a JSON list of trace events, in which each event
 * of category `Node` names the provider that ran it. The provider with most nodes comes first.
 */
export function providersOfProfile(profile: string): string[] {
  const events: unknown = JSON.parse(profile);
  const nodes = new Map<string, number>();
  for (const event of Array.isArray(events) ? events : []) {
    const provider: unknown = event?.cat === "Node" ? event.args?.provider : undefined;
    if (typeof provider === "string" && provider !== "") nodes.set(provider, (nodes.get(provider) ?? 0) + 1);
  }
  return [...nodes].sort((a, b) => b[1] - a[1]).map(([provider]) => provider);
}
