import { useEffect } from "preact/hooks";

/** Names the tab after the page. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Sartor`;
  }, [title]);
}
