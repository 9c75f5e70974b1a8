/**
 * The only state-machine type of Sartor: a table from state and event to the next state and effects.
 * Effects are returned as data and never performed here, so a machine can be tested as a table.
 */
export interface Transition<State extends string, Effect> {
  readonly to: State;
  readonly effects?: readonly Effect[];
}

/** What one event does in one state; it may look at the event's data. */
export type Rule<State extends string, Event extends { readonly type: string }, Effect> =
  | Transition<State, Effect>
  | ((event: Event) => Transition<State, Effect> | undefined);

/** State by state, the events that matter there; anything else is ignored. */
export type MachineTable<State extends string, Event extends { readonly type: string }, Effect> = {
  readonly [S in State]: { readonly [T in Event["type"]]?: Rule<State, Extract<Event, { type: T }>, Effect> };
};

/** The outcome of one event. */
export interface Step<State extends string, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
  /** False where the event means nothing in this state. */
  readonly handled: boolean;
}

/** Computes the next state and effects. Pure; an event that the state does not know leaves everything as it was. */
export function transition<State extends string, Event extends { readonly type: string }, Effect>(
  table: MachineTable<State, Event, Effect>,
  state: State,
  event: Event,
): Step<State, Effect> {
  const rule = table[state][event.type as Event["type"]] as Rule<State, Event, Effect> | undefined;
  const result = typeof rule === "function" ? rule(event) : rule;
  if (result === undefined) return { state, effects: [], handled: false };
  return { state: result.to, effects: result.effects ?? [], handled: true };
}
