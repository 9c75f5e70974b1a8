import { useContext } from "preact/hooks";
import { useConnection, useLiveState, useResource, WhoContext } from "../api/index.js";
import { EmptyState } from "../components/index.js";
import { Link, type Route, usePlace } from "../router/index.js";
import { DevicePage } from "./device-page.js";
import { FleetPage } from "./fleet-page.js";
import { ModelsPage } from "./models-page.js";
import { RolloutPage } from "./rollout-page.js";
import { NewRolloutPage } from "./rollout-start/index.js";
import { RolloutsPage } from "./rollouts-page.js";
import { CardPage, VersionPage } from "./version/index.js";

/** The frame around every page: navigation, state of the live connection, and what this control plane is. */
export function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const { route, query } = usePlace();
  const inFleet = route.page === "fleet" || route.page === "device";
  const inRollouts = route.page === "rollouts" || route.page === "rollout" || route.page === "new-rollout";
  const inModels = route.page === "models" || route.page === "version" || route.page === "card";
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="top">
        <Link to="/" class="brand">
          <img src="/favicon.svg" alt="" width="22" height="22" /> Sartor
        </Link>
        <nav aria-label="Pages">
          <Link to="/" current={inFleet}>
            Fleet
          </Link>
          <Link to="/rollouts" current={inRollouts}>
            Rollouts
          </Link>
          <Link to="/models" current={inModels}>
            Models
          </Link>
        </nav>
        <LiveIndicator />
        <SignedIn />
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <RoutedPage route={route} query={query} />
      </main>
      <SystemFooter />
    </>
  );
}

function RoutedPage({ route, query }: { readonly route: Route; readonly query: URLSearchParams }) {
  switch (route.page) {
    case "fleet":
      return <FleetPage query={query} />;
    case "device":
      return <DevicePage key={route.deviceId} deviceId={route.deviceId} query={query} />;
    case "rollouts":
      return <RolloutsPage query={query} />;
    case "rollout":
      return <RolloutPage key={route.rolloutId} rolloutId={route.rolloutId} query={query} />;
    case "new-rollout":
      return <NewRolloutPage query={query} />;
    case "models":
      return <ModelsPage query={query} />;
    case "version": {
      const { model, version, part } = route;
      return <VersionPage key={`${model} ${version}`} model={model} version={version} part={part} query={query} />;
    }
    case "card":
      return <CardPage model={route.model} version={route.version} variant={route.variant} />;
    case "unknown":
      return (
        <EmptyState title="There is no such page">
          <p>
            <code>{route.path}</code> leads nowhere. Go to the <Link to="/">fleet</Link>.
          </p>
        </EmptyState>
      );
  }
}

/** Who one is here: what one may do depends on it. */
function SignedIn() {
  const who = useContext(WhoContext);
  if (who === null) return null;
  return (
    <span class="muted small signed-in" title={`Signed in as ${who.name}, with the role ${who.role}`}>
      {who.name} · {who.role}
    </span>
  );
}

const LIVE_WORDS = { connecting: "connecting…", live: "live", reconnecting: "reconnecting…" } as const;

function LiveIndicator() {
  const state = useLiveState();
  return (
    <span class={`live live-${state}`} role="status" title="State of the live connection to the control plane">
      <span class="dot" aria-hidden="true" />
      {LIVE_WORDS[state]}
    </span>
  );
}

function SystemFooter() {
  const { client } = useConnection();
  const system = useResource("system", (signal) => client.system(signal)).value;
  return (
    <footer class="foot muted small">
      {system === null
        ? " "
        : `Sartor ${system.version} · ${system.broker} broker ${system.mqttUrl} · ${system.database} · state in ${system.stateFolder}`}
    </footer>
  );
}
