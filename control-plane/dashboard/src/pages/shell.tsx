import { Allowed, useConnection, useLiveState, useResource, useWho } from "../api/index.js";
import { EmptyState } from "../components/index.js";
import { Link, type Route, usePlace } from "../router/index.js";
import { AccountPage } from "./account/index.js";
import { AuditPage } from "./audit/index.js";
import { DevicePage } from "./device-page.js";
import { EnrolmentPage } from "./enrolment/index.js";
import { FleetPage } from "./fleet-page.js";
import { scopeWords } from "./groups/index.js";
import { ModelsPage } from "./models-page.js";
import { PeoplePage } from "./people/index.js";
import { RolloutPage } from "./rollout-page.js";
import { NewRolloutPage } from "./rollout-start/index.js";
import { RolloutsPage } from "./rollouts-page.js";
import { TrustPage } from "./trust/index.js";
import { CardPage, VersionPage } from "./version/index.js";

/** The frame around every page: navigation, state of the live connection, and what this control plane is. */
export function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const { route, query } = usePlace();
  const inFleet = route.page === "fleet" || route.page === "device" || route.page === "enrolment";
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
          <Link to="/trust" current={route.page === "trust"}>
            Trust
          </Link>
          <Allowed to="admin" allGroups>
            <Link to="/people" current={route.page === "people"}>
              People
            </Link>
            <Link to="/audit" current={route.page === "audit"}>
              Audit
            </Link>
          </Allowed>
        </nav>
        <LiveIndicator />
        <SignedIn current={route.page === "account"} />
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <RoutedPage route={route} query={query} onSignOut={onSignOut} />
      </main>
      <SystemFooter />
    </>
  );
}

interface RoutedPageProps {
  readonly route: Route;
  readonly query: URLSearchParams;
  readonly onSignOut: () => void;
}

function RoutedPage({ route, query, onSignOut }: RoutedPageProps) {
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
    case "enrolment":
      return <EnrolmentPage />;
    case "trust":
      return <TrustPage />;
    case "people":
      return <PeoplePage part={route.part} />;
    case "audit":
      return <AuditPage query={query} />;
    case "account":
      return <AccountPage onSignOut={onSignOut} />;
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
function SignedIn({ current }: { readonly current: boolean }) {
  const who = useWho();
  return (
    <Link
      to="/account"
      current={current}
      class="muted small signed-in"
      title={
        who === null
          ? "My account"
          : `My account: signed in as ${who.name}, with the role ${who.role}, for ${scopeWords(who.groups)}`
      }
    >
      {who === null ? "My account" : [who.name, who.role, ...(who.groups ?? [])].join(" · ")}
    </Link>
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
