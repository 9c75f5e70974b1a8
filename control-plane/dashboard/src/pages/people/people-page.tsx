import { useAllowed, useForAllGroups } from "../../api/index.js";
import { RolePage, Tabs } from "../../components/index.js";
import { Link, PEOPLE_PARTS, type PeoplePart, peoplePath } from "../../router/index.js";
import { useTitle } from "../use-title.js";
import { ApiTokensPart } from "./api-tokens-part.js";
import { OperatorTokenPart } from "./operator-token-part.js";
import { UsersPart } from "./users-part.js";

const TITLES: Readonly<Record<PeoplePart, string>> = { users: "Users", "api-tokens": "API tokens" };

/** Who may do what here: people and programs. Devices are let in elsewhere. */
export function PeoplePage({ part }: { readonly part: PeoplePart }) {
  useTitle("People");
  const isAdmin = useAllowed("admin");
  const allowed = useForAllGroups() && isAdmin;
  return (
    <div class="page">
      <div class="page-head">
        <h1>People</h1>
        <span class="muted">
          Tokens for devices are made under <Link to="/enrolment">Enrolment</Link>.
        </span>
      </div>
      {allowed ? (
        <>
          <Tabs
            label="Parts of this page"
            tabs={PEOPLE_PARTS.map((each) => ({
              to: peoplePath(each),
              title: TITLES[each],
              current: each === part,
            }))}
          />
          {part === "users" ? (
            <>
              <UsersPart />
              <OperatorTokenPart />
            </>
          ) : (
            <ApiTokensPart />
          )}
        </>
      ) : (
        <RolePage needed="admin" what="This page" />
      )}
    </div>
  );
}
