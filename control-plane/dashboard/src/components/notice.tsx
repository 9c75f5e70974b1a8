import type { ComponentChildren } from "preact";
import { actionOf, type ShownError } from "../api/index.js";

/** An error with its stable code, what happened and what the reader can do. */
export function ErrorNote({ error, title }: { readonly error: ShownError; readonly title?: string }) {
  const action = actionOf(error.code);
  return (
    <div class="note note-bad" role="alert">
      {title === undefined ? null : <strong class="note-title">{title}</strong>}
      <p>
        <code class="code">{error.code}</code> {error.message}
      </p>
      {action === undefined ? null : <p class="muted">{action}</p>}
      {error.correlationId === undefined ? null : <p class="muted small">Correlation id {error.correlationId}</p>}
    </div>
  );
}

/** What stands where there is nothing to show yet: says why, and what to do. */
export function EmptyState({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** Stands in for content that is being read, at about its size, so that nothing jumps when it comes. */
export function Loading({ what, rows = 6 }: { readonly what: string; readonly rows?: number }) {
  return (
    <div class="loading" role="status" aria-label={`Reading ${what}`}>
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} class="skeleton" />
      ))}
    </div>
  );
}
