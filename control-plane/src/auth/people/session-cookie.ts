/** Names and forms of the cookies that pages hold. */

/** Reads one cookie out of a request's header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/**
 * The session's cookie. Over https it has the prefix that lets no other host or path set it (RFC 6265bis, section 4.1.3). Cookies do not
 * tell ports apart, so the port is in the name: two control planes of one machine do not log each other's people out.
 */
export function sessionCookieName(httpUrl: string): string {
  const { protocol, port } = new URL(httpUrl);
  return protocol === "https:" ? "__Host-sartor_session" : `sartor_session_${port || "80"}`;
}

/** Holds the secret of a login under way at the identity provider. */
export function oidcCookieName(httpUrl: string): string {
  return sessionCookieName(httpUrl).replace("session", "oidc");
}

export interface CookieOptions {
  /** Address under which people reach this control plane. */
  readonly httpUrl: string;
  /** Lax comes with the way back from the identity provider, which is another site. */
  readonly sameSite: "Strict" | "Lax";
  /** Seconds; 0 removes the cookie. */
  readonly maximumAge: number;
}

/** The header that sets a cookie no script can read. */
export function setCookie(name: string, value: string, { httpUrl, sameSite, maximumAge }: CookieOptions): string {
  const secure = httpUrl.startsWith("https:") ? "; Secure" : "";
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${Math.max(0, Math.floor(maximumAge))}${secure}`;
}
