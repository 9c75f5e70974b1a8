import type { LiveEvent } from "@sartor/shared/protocol";
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { ShownError } from "./api-error.js";
import { type Connection, shownError } from "./connection.js";
import type { FleetSnapshot } from "./fleet-store.js";
import type { LiveState } from "./live-socket.js";

/** The signed-in page's connection. */
export const ConnectionContext = createContext<Connection | null>(null);

/** The connection of the page; only below a signed-in {@link ConnectionContext}. */
export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (connection === null) throw new Error("useConnection is called outside of a signed-in page");
  return connection;
}

/** State of the live connection. */
export function useLiveState(): LiveState {
  const connection = useConnection();
  const [state, setState] = useState(connection.state);
  useEffect(() => {
    setState(connection.state);
    return connection.onState(() => setState(connection.state));
  }, [connection]);
  return state;
}

/** Rises whenever events may have been missed. */
export function useEpoch(): number {
  const connection = useConnection();
  const [epoch, setEpoch] = useState(connection.epoch);
  useEffect(() => {
    // Effects run after the first drawing: the epoch may have risen since.
    setEpoch(connection.epoch);
    return connection.onState(() => setEpoch(connection.epoch));
  }, [connection]);
  return epoch;
}

/** The fleet, drawn anew in batches. */
export function useFleet(): FleetSnapshot {
  const { fleet } = useConnection();
  const [snapshot, setSnapshot] = useState(fleet.snapshot);
  useEffect(() => {
    setSnapshot(fleet.snapshot);
    return fleet.subscribe(() => setSnapshot(fleet.snapshot));
  }, [fleet]);
  return snapshot;
}

/** Calls back on each live event. The newest callback is used; the listener itself is added once. */
export function useLiveEvents(listener: (event: LiveEvent) => void): void {
  const connection = useConnection();
  const newest = useRef(listener);
  newest.current = listener;
  useEffect(() => connection.onEvent((event) => newest.current(event)), [connection]);
}

/** Something read from the server. An old value stays while it is read again. */
export interface Resource<T> {
  readonly value: T | null;
  readonly error: ShownError | null;
  readonly reload: () => void;
}

interface ResourceState<T> {
  readonly key: string;
  readonly value: T | null;
  readonly error: ShownError | null;
}

/** How long to wait before a failed read is tried again, ms. */
const RETRY_MS = 5_000;

/**
 * Reads something when `key` changes, when events may have been missed, when asked to, and again after a failure that
 * may pass. Reads never overlap: a newer one gives up the older.
 */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const newestLoad = useRef(load);
  newestLoad.current = load;
  const [state, setState] = useState<ResourceState<T>>({ key, value: null, error: null });
  const [round, setRound] = useState(0);
  const epoch = useEpoch();

  // `round` and `epoch` are not used inside: a change of either asks for a new read.
  useEffect(() => {
    const control = new AbortController();
    let retry: ReturnType<typeof setTimeout> | undefined;
    newestLoad.current(control.signal).then(
      (value) => {
        if (!control.signal.aborted) setState({ key, value, error: null });
      },
      (failure: unknown) => {
        const error = shownError(failure, control.signal);
        if (error === null) return;
        setState((old) => ({ key, value: old.key === key ? old.value : null, error }));
        if (isPassing(error)) retry = setTimeout(() => setRound((old) => old + 1), RETRY_MS);
      },
    );
    return () => {
      control.abort();
      clearTimeout(retry);
    };
  }, [key, round, epoch]);

  const current = state.key === key;
  return {
    value: current ? state.value : null,
    error: current ? state.error : null,
    reload: () => setRound((old) => old + 1),
  };
}

function isPassing(error: ShownError): boolean {
  const status = "status" in error ? Number(error.status) : 0;
  return status === 0 || status >= 500 || status === 429;
}
