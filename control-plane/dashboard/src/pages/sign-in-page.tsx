import { useState } from "preact/hooks";
import { knownError } from "../api/index.js";
import { ErrorNote } from "../components/index.js";
import { useTitle } from "./use-title.js";

/** Properties of the {@link SignInPage}. */
export interface SignInPageProps {
  /** True after the control plane refused a token. */
  readonly refused: boolean;
  readonly onToken: (token: string) => void;
}

const REFUSED = {
  ...knownError("SRT_UNAUTHENTICATED"),
  message: "The control plane did not accept this operator token.",
};

/** Asks for the operator token and says where it lies. */
export function SignInPage({ refused, onToken }: SignInPageProps) {
  useTitle("Sign in");
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const entered = token.trim();
    if (entered !== "") onToken(entered);
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <h1>
          <img src="/favicon.svg" alt="" width="28" height="28" /> Sartor
        </h1>
        {refused ? <ErrorNote error={REFUSED} /> : null}
        <label for="token">Operator token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
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
    </main>
  );
}
