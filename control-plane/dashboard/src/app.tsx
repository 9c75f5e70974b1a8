import type { LoginOptions, Who } from "@sartor/shared/protocol";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import {
  ApiError,
  Connection,
  ConnectionContext,
  type Credential,
  errorOfFailure,
  forgetToken,
  knownError,
  loadLoginOptions,
  loadWho,
  logOut,
  type ShownError,
  storeToken,
  takeToken,
  useEpoch,
  WhoContext,
} from "./api/index.js";
import { Shell } from "./pages/shell.js";
import { SignInPage } from "./pages/sign-in-page.js";

/** Somebody is being looked up, nobody is signed in, or somebody is. */
type Session =
  | { readonly state: "asking"; readonly token: string | null }
  | { readonly state: "out"; readonly options: LoginOptions | null; readonly error: ShownError | null }
  | { readonly state: "in"; readonly credential: Credential; readonly who: Who | null };

const browserFetch: typeof fetch = (...request) => window.fetch(...request);

const REFUSED: ShownError = {
  ...knownError("SRT_UNAUTHENTICATED"),
  message: "The control plane did not accept this operator token.",
};
const ENDED = knownError("SRT_SESSION_EXPIRED");

const takeTabToken = () => takeToken({ storage: sessionStorage, location, history });

/** The whole page: signed in, or asking who one is. */
export function App() {
  const [session, setSession] = useState<Session>(() => ({ state: "asking", token: takeTabToken() }));
  const [connection, setConnection] = useState<Connection | null>(null);

  const leave = useCallback(async (error: ShownError | null) => {
    forgetToken(sessionStorage);
    setSession({ state: "out", options: await loadLoginOptions(browserFetch).catch(() => null), error });
  }, []);

  const enterCookie = useCallback((who: Who) => {
    setSession({ state: "in", credential: { kind: "cookie", csrf: who.csrf ?? "" }, who });
  }, []);

  useEffect(() => {
    // The printed address may be opened in a tab that already shows the dashboard: only the fragment changes then.
    const takeFragment = () => {
      if (location.hash === "") return;
      const token = takeTabToken();
      if (token !== null) setSession({ state: "asking", token });
    };
    window.addEventListener("hashchange", takeFragment);
    return () => window.removeEventListener("hashchange", takeFragment);
  }, []);

  const asking = session.state === "asking" ? session : null;
  useEffect(() => {
    if (asking === null) return;
    let current = true;
    lookUp(asking.token).then((found) => {
      if (!current) return;
      if (found.state === "out") forgetToken(sessionStorage);
      setSession(found);
    });
    return () => {
      current = false;
    };
  }, [asking]);

  const credential = session.state === "in" ? session.credential : null;
  useEffect(() => {
    if (credential === null) return;
    const opened = new Connection(credential, () => leave(credential.kind === "token" ? REFUSED : ENDED));
    opened.start();
    setConnection(opened);
    return () => {
      opened.stop();
      setConnection(null);
    };
  }, [credential, leave]);

  if (session.state === "out") {
    const enterToken = (token: string) => {
      storeToken(sessionStorage, token);
      setSession({ state: "asking", token });
    };
    return <SignInPage options={session.options} error={session.error} onToken={enterToken} onUser={enterCookie} />;
  }
  if (session.state === "asking" || connection === null) return null;
  const signOut = () => {
    // First: it would take the end of its session for one that nobody asked for.
    connection.stop();
    // What the page holds is forgotten in any case; a session that could not be ended ends by itself.
    logOut(browserFetch, session.credential)
      .then(() => null, errorOfFailure)
      .then(leave);
  };
  return (
    <WhoContext.Provider value={session.who}>
      <ConnectionContext.Provider value={connection}>
        <KeepWho
          credential={session.credential}
          onWho={(who) => setSession((now) => (now.state === "in" ? { ...now, who } : now))}
        />
        <Shell onSignOut={signOut} />
      </ConnectionContext.Provider>
    </WhoContext.Provider>
  );
}

interface KeepWhoProps {
  readonly credential: Credential;
  readonly onWho: (who: Who) => void;
}

/** Asks anew who one is whenever events may have been missed: role and groups may be others since. */
function KeepWho({ credential, onWho }: KeepWhoProps) {
  const epoch = useEpoch();
  const newest = useRef(onWho);
  newest.current = onWho;
  useEffect(() => {
    if (epoch === 0) return;
    let current = true;
    lookUp(credential.kind === "token" ? credential.token : null).then((found) => {
      if (current && found.state === "in" && found.who !== null) newest.current(found.who);
    });
    return () => {
      current = false;
    };
  }, [epoch, credential]);
  return null;
}

/** Who a tab's token stands for, or else the browser's cookie. */
async function lookUp(token: string | null): Promise<Exclude<Session, { state: "asking" }>> {
  if (token !== null) {
    try {
      return { state: "in", credential: { kind: "token", token }, who: await loadWho(browserFetch, token) };
    } catch (failure) {
      const refused = failure instanceof ApiError && failure.status === 401;
      // No answer says nothing about the token: the page opens and tries again by itself.
      if (!refused) return { state: "in", credential: { kind: "token", token }, who: null };
      return { state: "out", options: await loadLoginOptions(browserFetch).catch(() => null), error: REFUSED };
    }
  }
  try {
    const options = await loadLoginOptions(browserFetch);
    const { who } = options;
    if (who !== null) return { state: "in", credential: { kind: "cookie", csrf: who.csrf ?? "" }, who };
    return { state: "out", options, error: takeLoginError() };
  } catch (failure) {
    return { state: "out", options: null, error: errorOfFailure(failure) };
  }
}

/** Why the identity provider's login failed, out of the address, and taken out of it. */
function takeLoginError(): ShownError | null {
  const code = new URLSearchParams(location.search).get("login_error");
  if (code === null) return null;
  history.replaceState(history.state, "", location.pathname);
  const known = /^SRT_[A-Z_]{1,64}$/.test(code) ? code : "SRT_OIDC_FAILED";
  return knownError(known as Parameters<typeof knownError>[0]);
}
