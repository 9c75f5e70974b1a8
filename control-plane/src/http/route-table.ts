/** Which methods each address takes, to tell "no such address" from "not this method". */
export class RouteTable {
  readonly #routes: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** Notes a route; `:name` stands for one segment. Catch-alls say nothing about an address and are left out. */
  add(methods: string | readonly string[], pattern: string): void {
    if (pattern.includes("*")) return;
    const segments = segmentsOf(pattern);
    const known = this.#routes.find((route) => route.segments.join("/") === segments.join("/"));
    const route = known ?? { segments, methods: new Set<string>() };
    if (known === undefined) this.#routes.push(route);
    for (const method of [methods].flat()) route.methods.add(method);
  }

  /** Methods that a path takes, sorted; none when there is no such path. */
  methodsOf(path: string): string[] {
    const segments = segmentsOf(path);
    const methods = this.#routes
      .filter((route) => fits(route.segments, segments))
      .flatMap((route) => [...route.methods]);
    return [...new Set(methods)].sort();
  }
}

function segmentsOf(path: string): string[] {
  return path.split("?", 1)[0]?.split("/").slice(1) ?? [];
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, index) => (segment.startsWith(":") ? path[index] !== "" : segment === path[index]))
  );
}
