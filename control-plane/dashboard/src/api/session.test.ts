import { describe, expect, it } from "vitest";
import { forgetToken, type SessionBrowser, storeToken, takeToken, tokenOfFragment } from "./session.js";

function browserAt(hash: string): SessionBrowser & { readonly addresses: string[] } {
  const entries = new Map<string, string>();
  const addresses: string[] = [];
  return {
    addresses,
    storage: {
      getItem: (key) => entries.get(key) ?? null,
      setItem: (key, value) => void entries.set(key, value),
      removeItem: (key) => void entries.delete(key),
    },
    location: { hash, pathname: "/devices/pi", search: "?range=1h" },
    history: { state: null, replaceState: (_state, _title, url) => void addresses.push(String(url)) },
  };
}

describe("signing in", () => {
  it("by the printed address keeps the token for the tab and takes it out of the address bar", () => {
    const browser = browserAt("#token=secret-1");
    expect(takeToken(browser)).toBe("secret-1");
    expect(browser.addresses).toEqual(["/devices/pi?range=1h"]);
    expect(takeToken({ ...browser, location: { ...browser.location, hash: "" } })).toBe("secret-1");
  });

  it("is asked for when there is no token", () => {
    expect(takeToken(browserAt(""))).toBeNull();
    expect(tokenOfFragment("#token=")).toBeNull();
    expect(tokenOfFragment("#section")).toBeNull();
  });

  it("ends when the token is forgotten", () => {
    const browser = browserAt("");
    storeToken(browser.storage, "secret-2");
    expect(takeToken(browser)).toBe("secret-2");
    forgetToken(browser.storage);
    expect(takeToken(browser)).toBeNull();
  });
});
