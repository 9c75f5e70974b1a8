import { Link } from "../router/index.js";

/** One of {@link Tabs}. */
export interface Tab {
  readonly to: string;
  readonly title: string;
  readonly current: boolean;
}

/** Parts of a page, each with an address of its own. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ to, title, current }) => (
        <Link key={to} to={to} current={current}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
