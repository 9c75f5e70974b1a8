import { useEffect, useState } from "preact/hooks";
import { parseRoute, type Route } from "./route.js";

/** Where the reader is: the page and the query of the address. */
export interface Place {
  readonly route: Route;
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();

function currentPlace(): Place {
  return { route: parseRoute(window.location.pathname), query: new URLSearchParams(window.location.search) };
}

function announce(): void {
  for (const listener of [...listeners]) listener();
}

/** Goes to another page of the dashboard. */
export function navigate(path: string): void {
  window.history.pushState(null, "", path);
  window.scrollTo(0, 0);
  announce();
}

/** Changes one value of the query without a new entry in the history; an empty value removes it. */
export function replaceQuery(changes: Readonly<Record<string, string | null>>): void {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  window.history.replaceState(null, "", `${window.location.pathname}${text === "" ? "" : `?${text}`}`);
  announce();
}

/** The current place; the component renders again when it changes. */
export function usePlace(): Place {
  const [place, setPlace] = useState(currentPlace);
  useEffect(() => {
    const update = () => setPlace(currentPlace());
    listeners.add(update);
    window.addEventListener("popstate", update);
    return () => {
      listeners.delete(update);
      window.removeEventListener("popstate", update);
    };
  }, []);
  return place;
}
