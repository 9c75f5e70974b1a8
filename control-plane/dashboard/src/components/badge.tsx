import type { ComponentChildren } from "preact";
import { type Tone, toneOf, words } from "../format/index.js";

/** Properties of a {@link Badge}. */
export interface BadgeProps {
  readonly tone: Tone;
  readonly title?: string | undefined;
  readonly children: ComponentChildren;
}

/** A short state with a coloured sign before it; the word says it too, so colour is never the only carrier. */
export function Badge({ tone, title, children }: BadgeProps) {
  return (
    <span class={`badge tone-${tone}`} title={title}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}

/** The badge of a presence, serving, deployment or rollout status. */
export function StatusBadge({ status, title }: { readonly status: string; readonly title?: string }) {
  return (
    <Badge tone={toneOf(status)} title={title}>
      {words(status)}
    </Badge>
  );
}

/** The mark of an emulated device; it goes wherever such a device shows up. */
export function EmulatedMark({ profile }: { readonly profile?: string | undefined }) {
  const title =
    profile === undefined ? "Not real hardware" : `Not real hardware: made from the firmware profile ${profile}`;
  return (
    <span class="emulated" title={title}>
      emulated
    </span>
  );
}
