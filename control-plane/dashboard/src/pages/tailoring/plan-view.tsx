import type { TailoringPlan } from "@sartor/shared/protocol";
import { plural } from "../../format/index.js";
import { CandidateItem } from "./candidate-item.js";
import { groupRuledOut, type RuledOutGroup } from "./plan-words.js";
import { Sentences } from "./sentences.js";

/** A whole plan: what was chosen and why, what else was considered, and what was ruled out. */
export function PlanView({ plan }: { readonly plan: TailoringPlan }) {
  const groups = groupRuledOut(plan.ruledOut);
  const [first, ...others] = plan.candidates;
  return (
    <div class="plan">
      {plan.generic ? <GenericNotice /> : null}
      <p class="plan-summary">{plan.summary}</p>
      {first === undefined ? null : (
        <section>
          <h3>Chosen</h3>
          <ol class="candidates">
            <CandidateItem candidate={first} model={plan.model} version={plan.version} chosen />
          </ol>
        </section>
      )}
      {others.length === 0 ? null : (
        <section>
          <h3>Alternatives, best first</h3>
          <ol class="candidates">
            {others.map((candidate) => (
              <CandidateItem key={candidate.rank} candidate={candidate} model={plan.model} version={plan.version} />
            ))}
          </ol>
        </section>
      )}
      {groups.length === 0 ? null : (
        <section>
          <h3>Ruled out</h3>
          {groups.map((group) => (
            <RuledOutDetails key={group.code} group={group} />
          ))}
        </section>
      )}
      <Remarks title="What more software would open up" lines={plan.unlocks.map(({ text }) => text)} />
      <Remarks title="Worth knowing about this hardware" lines={plan.notes} />
      <ProfileReasons plan={plan} />
    </div>
  );
}

/** Says that the plan is only the safe one, because nothing is known of the hardware. */
export function GenericNotice() {
  return (
    <p class="note note-warn" role="note">
      <strong>No profile knows this hardware.</strong> A safe generic profile is used: the plan keeps to what runs
      everywhere and may be slower than the hardware allows. Measuring on the device shows what is really fastest.
    </p>
  );
}

function RuledOutDetails({ group }: { readonly group: RuledOutGroup }) {
  return (
    <details class="fold">
      <summary>
        {group.title} <span class="muted">({plural(group.entries.length, "way", "ways")})</span>
      </summary>
      <ul class="ruled-out">
        {group.entries.map((entry) => (
          <li key={`${entry.variant.name} ${entry.executionProvider} ${entry.intraOpThreads ?? ""} ${entry.reason}`}>
            <b>{entry.variant.name}</b>{" "}
            <span class="muted">
              {entry.executionProvider}
              {entry.intraOpThreads === undefined ? "" : `, ${plural(entry.intraOpThreads, "thread", "threads")}`}
            </span>
            <span class="ruled-out-reason">{entry.reason}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Remarks({ title, lines }: { readonly title: string; readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <Sentences lines={lines} />
    </section>
  );
}

function ProfileReasons({ plan }: { readonly plan: TailoringPlan }) {
  return (
    <details class="fold">
      <summary>
        Planned for {plan.profiles.map(({ title }) => title).join(" with ")} <code>{plan.deviceType}</code>
      </summary>
      <Sentences
        lines={plan.profiles.flatMap(({ title, reasons }) => reasons.map((reason) => `${title}: ${reason}`))}
      />
    </details>
  );
}
