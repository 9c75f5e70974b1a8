import type {
  ApiTokenReply,
  ApiTokenRequest,
  ApiTokenView,
  OperatorTokenState,
  PasswordChange,
  UserChange,
  UserRequest,
  UserView,
} from "@sartor/shared/protocol";
import type { Transport } from "./transport.js";

/** Users and programs, for admins; the own password, for everyone. Every method throws an `ApiError`. */
export class PeopleClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async users(signal: AbortSignal): Promise<readonly UserView[]> {
    return (await this.#transport.request<{ items: UserView[] }>("GET", "/api/v1/users", signal)).items;
  }

  addUser(request: UserRequest, signal: AbortSignal): Promise<UserView> {
    return this.#transport.request("POST", "/api/v1/users", signal, request);
  }

  changeUser(userName: string, change: UserChange, signal: AbortSignal): Promise<UserView> {
    return this.#transport.request("PATCH", userPath(userName), signal, change);
  }

  /** Removes a user with all sessions and API tokens. */
  removeUser(userName: string, signal: AbortSignal): Promise<unknown> {
    return this.#transport.request("DELETE", userPath(userName), signal);
  }

  /** Ends all sessions of a user at once. */
  endSessions(userName: string, signal: AbortSignal): Promise<unknown> {
    return this.#transport.request("DELETE", `${userPath(userName)}/sessions`, signal);
  }

  async apiTokens(signal: AbortSignal): Promise<readonly ApiTokenView[]> {
    return (await this.#transport.request<{ items: ApiTokenView[] }>("GET", "/api/v1/api-tokens", signal)).items;
  }

  /** Makes an API token; it is shown this once. */
  createApiToken(request: ApiTokenRequest, signal: AbortSignal): Promise<ApiTokenReply> {
    return this.#transport.request("POST", "/api/v1/api-tokens", signal, request);
  }

  revokeApiToken(tokenId: string, signal: AbortSignal): Promise<unknown> {
    return this.#transport.request("DELETE", `/api/v1/api-tokens/${encodeURIComponent(tokenId)}`, signal);
  }

  operatorToken(signal: AbortSignal): Promise<OperatorTokenState> {
    return this.#transport.request("GET", "/api/v1/operator-token", signal);
  }

  setOperatorToken(enabled: boolean, signal: AbortSignal): Promise<OperatorTokenState> {
    return this.#transport.request("PUT", "/api/v1/operator-token", signal, { enabled });
  }

  /** Changes the own password; all other sessions of the user end. */
  changePassword(change: PasswordChange, signal: AbortSignal): Promise<unknown> {
    return this.#transport.request("POST", "/api/v1/session/password", signal, change);
  }
}

function userPath(userName: string): string {
  return `/api/v1/users/${encodeURIComponent(userName)}`;
}
