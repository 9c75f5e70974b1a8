import { useEffect, useRef, useState } from "preact/hooks";
import type { ShownError } from "./api-error.js";
import { shownError } from "./connection.js";

/** Something that a button does. */
export interface Action<Input> {
  readonly run: (input: Input) => void;
  readonly busy: boolean;
  /** Why it failed the last time. */
  readonly error: ShownError | null;
}

/**
 * Does something on the server when asked to, one at a time, and keeps its error for the page. What is under way is given up when the
 * page is left.
 *
 * @param onDone gets what `act` gave
 */
export function useAction<Input, Output>(
  act: (input: Input, signal: AbortSignal) => Promise<Output>,
  onDone: (output: Output) => void,
): Action<Input> {
  const control = useRef<AbortController | null>(null);
  const newest = useRef({ act, onDone });
  newest.current = { act, onDone };
  const [state, setState] = useState<{ busy: boolean; error: ShownError | null }>({ busy: false, error: null });
  useEffect(() => () => control.current?.abort(), []);
  const run = (input: Input) => {
    if (control.current !== null) return;
    const current = new AbortController();
    control.current = current;
    setState({ busy: true, error: null });
    newest.current
      .act(input, current.signal)
      .then(
        (output) => {
          if (current.signal.aborted) return;
          setState({ busy: false, error: null });
          newest.current.onDone(output);
        },
        (failure: unknown) => {
          const error = shownError(failure, current.signal);
          if (error !== null) setState({ busy: false, error });
        },
      )
      .finally(() => {
        control.current = null;
      });
  };
  return { run, ...state };
}
