/** What signs requests in: a token that was typed or came with the address, or the cookie of a login, which no script can read. */
export type Credential =
  | { readonly kind: "token"; readonly token: string }
  | {
      readonly kind: "cookie";
      /** Proves to the control plane that a request comes from this page and from no other site's. */
      readonly csrf: string;
    };

/** Headers that sign a request in. */
export function headersOf(credential: Credential): Readonly<Record<string, string>> {
  return credential.kind === "token"
    ? { authorization: `Bearer ${credential.token}` }
    : { "x-sartor-csrf": credential.csrf };
}

/** The first message of the live connection. */
export function greetingOf(credential: Credential): string {
  const proof = credential.kind === "token" ? { token: credential.token } : { csrf: credential.csrf };
  return JSON.stringify({ type: "authenticate", ...proof });
}
