import type { LoginOptions, LoginReply, Who } from "@sartor/shared/protocol";
import { type ApiError, errorOfFailure, errorOfReply } from "./api-error.js";
import { type Credential, headersOf } from "./credential.js";
import { parseJson } from "./transport.js";

const TIMEOUT_MS = 20_000;

/** What the login page offers, and who the cookie stands for. @throws ApiError */
export function loadLoginOptions(fetch: typeof window.fetch): Promise<LoginOptions> {
  return ask(fetch, "GET", "/api/v1/session/options", {});
}

/** Logs in with a password; the browser keeps the cookie. @throws ApiError */
export async function logIn(fetch: typeof window.fetch, userName: string, password: string): Promise<Who> {
  const body = { userName, password, kind: "cookie" };
  const reply: LoginReply = await ask(fetch, "POST", "/api/v1/session", {}, body);
  return reply.who;
}

/** Who a token stands for. @throws ApiError, of status 401 when it is not accepted */
export function loadWho(fetch: typeof window.fetch, token: string): Promise<Who> {
  return ask(fetch, "GET", "/api/v1/session", headersOf({ kind: "token", token }));
}

/** Ends the session of a cookie. A token of this tab is only forgotten: it may be in use elsewhere. @throws ApiError */
export async function logOut(fetch: typeof window.fetch, credential: Credential): Promise<void> {
  if (credential.kind === "cookie") await ask(fetch, "DELETE", "/api/v1/session", headersOf(credential));
}

async function ask<T>(
  fetch: typeof window.fetch,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<T> {
  const content =
    body === undefined
      ? { headers }
      : { headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) };
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(path, { method, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), ...content });
    const text = await response.text();
    answer = text === "" && response.ok ? null : parseJson(text);
  } catch (failure) {
    throw errorOfFailure(failure);
  }
  if (!response.ok || answer === undefined) throw errorOfReply(response.status, answer) satisfies ApiError;
  return answer as T;
}
