import { useCallback, useEffect, useState } from "preact/hooks";
import { Connection, ConnectionContext, forgetToken, storeToken, takeToken } from "./api/index.js";
import { Shell } from "./pages/shell.js";
import { SignInPage } from "./pages/sign-in-page.js";

interface Session {
  readonly token: string | null;
  /** True after the control plane refused a token. */
  readonly refused: boolean;
}

/** The whole page: signed in, or asking for the operator token. */
export function App() {
  const [session, setSession] = useState<Session>(() => ({
    token: takeToken({ storage: sessionStorage, location, history }),
    refused: false,
  }));
  const [connection, setConnection] = useState<Connection | null>(null);

  const leave = useCallback((refused: boolean) => {
    forgetToken(sessionStorage);
    setSession({ token: null, refused });
  }, []);

  useEffect(() => {
    // The printed address may be opened in a tab that already shows the dashboard: only the fragment changes then.
    const takeFragment = () => {
      const token = takeToken({ storage: sessionStorage, location, history });
      if (token !== null) setSession((old) => (old.token === token ? old : { token, refused: false }));
    };
    window.addEventListener("hashchange", takeFragment);
    return () => window.removeEventListener("hashchange", takeFragment);
  }, []);

  useEffect(() => {
    if (session.token === null) return;
    const opened = new Connection(session.token, () => leave(true));
    opened.start();
    setConnection(opened);
    return () => {
      opened.stop();
      setConnection(null);
    };
  }, [session.token, leave]);

  if (session.token === null) {
    const enter = (token: string) => {
      storeToken(sessionStorage, token);
      setSession({ token, refused: false });
    };
    return <SignInPage refused={session.refused} onToken={enter} />;
  }
  if (connection === null) return null;
  return (
    <ConnectionContext.Provider value={connection}>
      <Shell onSignOut={() => leave(false)} />
    </ConnectionContext.Provider>
  );
}
