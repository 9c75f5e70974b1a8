import type { LoginOptions, Who } from "@sartor/shared/protocol";
import { useState } from "preact/hooks";
import { errorOfFailure, logIn, type ShownError } from "../api/index.js";
import { ErrorNote } from "../components/index.js";
import { useTitle } from "./use-title.js";

/** Properties of the {@link SignInPage}. */
export interface SignInPageProps {
  /** What the control plane offers; null when it could not be asked. */
  readonly options: LoginOptions | null;
  /** Why one is here, where there is a reason. */
  readonly error: ShownError | null;
  readonly onToken: (token: string) => void;
  readonly onUser: (who: Who) => void;
}

/** Asks who one is: by name and password, at the identity provider, or by the operator token of a new control plane. */
export function SignInPage({ options, error, onToken, onUser }: SignInPageProps) {
  useTitle("Sign in");
  const people = options !== null && (options.password || options.oidc);
  const tokenCounts = options === null || options.operatorToken;
  const [byToken, setByToken] = useState(!people);
  return (
    <main class="sign-in">
      <div class="panel">
        <h1>
          <img src="/favicon.svg" alt="" width="28" height="28" /> Sartor
        </h1>
        {error === null ? null : <ErrorNote error={error} />}
        {byToken ? <TokenForm onToken={onToken} /> : null}
        {!byToken && options?.password ? <PasswordForm onUser={onUser} /> : null}
        {!byToken && options?.oidc ? (
          <a class="button" href="/api/v1/oidc/login">
            Sign in at the identity provider
          </a>
        ) : null}
        {people && tokenCounts ? (
          <button type="button" class="link" onClick={() => setByToken(!byToken)}>
            {byToken ? "Use your own name instead" : "Use the operator token instead"}
          </button>
        ) : null}
      </div>
    </main>
  );
}

function PasswordForm({ onUser }: Pick<SignInPageProps, "onUser">) {
  const [userName, setUserName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ShownError | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onUser(await logIn((...request) => window.fetch(...request), userName.trim(), password));
    } catch (failure) {
      setError(errorOfFailure(failure));
      setPassword("");
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit}>
      {error === null ? null : <ErrorNote error={error} />}
      <label for="user-name">Name</label>
      <input
        id="user-name"
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
        required
        maxLength={63}
        value={userName}
        onInput={(event) => setUserName(event.currentTarget.value)}
      />
      <label for="password">Password</label>
      <input
        id="password"
        type="password"
        autocomplete="current-password"
        required
        maxLength={256}
        value={password}
        onInput={(event) => setPassword(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={busy}>
        Sign in
      </button>
    </form>
  );
}

function TokenForm({ onToken }: Pick<SignInPageProps, "onToken">) {
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const entered = token.trim();
    if (entered !== "") onToken(entered);
  };
  return (
    <form onSubmit={submit}>
      <label for="token">Operator token</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        spellcheck={false}
        required
        value={token}
        onInput={(event) => setToken(event.currentTarget.value)}
      />
      <p class="muted small">
        It lies in the file <code>operator-token</code> in the state folder, whose path is printed when Sartor starts.
        The address printed there signs you in by itself. The token is kept for this tab only.
      </p>
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  );
}
