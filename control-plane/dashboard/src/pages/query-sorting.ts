import type { Sorting } from "../format/index.js";
import { replaceQuery } from "../router/index.js";

/** Reads a table's sorting out of the address: `?sort=name` or `?sort=-name` for descending. */
export function sortingOf(query: URLSearchParams, fallback: Sorting): Sorting {
  const text = query.get("sort");
  if (text === null || text === "" || text === "-") return fallback;
  return text.startsWith("-") ? { column: text.slice(1), descending: true } : { column: text, descending: false };
}

/** Puts a table's sorting into the address, so that a link shows the same. */
export function keepSorting(sorting: Sorting): void {
  replaceQuery({ sort: `${sorting.descending ? "-" : ""}${sorting.column}` });
}
