const STORAGE_KEY = "sartor.operator-token";

/** What of the browser the session needs; handed in so that it can be tested. */
export interface SessionBrowser {
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly location: Pick<Location, "hash" | "pathname" | "search">;
  readonly history: Pick<History, "replaceState" | "state">;
}

/** Reads the token out of an address's fragment (`#token=...`), which browsers never send to a server. */
export function tokenOfFragment(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("token")?.trim();
  return token === undefined || token === "" ? null : token;
}

/**
 * The operator's token for this tab. One in the address wins; it is kept for the tab only and taken out of the address
 * bar at once, so that it does not end up in a bookmark or a screenshot.
 */
export function takeToken(browser: SessionBrowser): string | null {
  const fresh = tokenOfFragment(browser.location.hash);
  if (fresh === null) return browser.storage.getItem(STORAGE_KEY);
  browser.storage.setItem(STORAGE_KEY, fresh);
  browser.history.replaceState(browser.history.state, "", browser.location.pathname + browser.location.search);
  return fresh;
}

/** Keeps a token for this tab. */
export function storeToken(storage: SessionBrowser["storage"], token: string): void {
  storage.setItem(STORAGE_KEY, token);
}

/** Forgets the token. */
export function forgetToken(storage: SessionBrowser["storage"]): void {
  storage.removeItem(STORAGE_KEY);
}
