import { useEffect, useRef } from "preact/hooks";

/**
 * Reads again every so often while the page is in sight, and when it comes into sight: for what the live connection does not tell of.
 * What nobody looks at asks nothing.
 */
export function useRefresh(reload: () => void, everyMs: number): void {
  const newest = useRef(reload);
  newest.current = reload;
  useEffect(() => {
    const refresh = () => {
      if (document.visibilityState === "visible") newest.current();
    };
    const timer = setInterval(refresh, everyMs);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [everyMs]);
}
