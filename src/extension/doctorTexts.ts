import * as vscode from "vscode";
import type { MessageTexts } from "./messageText.ts";

/** What the self-check reports. */
export const doctorTexts = {
  authorities_extra: (values) => vscode.l10n.t("also trusts the certificates in {path}", values),
  authorities_unreadable: (values) =>
    vscode.l10n.t(
      "NODE_EXTRA_CA_CERTS is '{path}', which cannot be read ({code}): Claude Code runs without these certificates",
      values,
    ),
  base_url_removed: (values) =>
    vscode.l10n.t(
      "{name} in {place} points to a Claude Virtual API on this machine ({url}), so Claude Code is started without it.",
      values,
    ),
  base_url_removed_with: (values) =>
    vscode.l10n.t(
      "{name} in {place} points to a Claude Virtual API on this machine ({url}), so Claude Code is started without it, and without {names} from the same place.",
      values,
    ),
  check_aliases: () => vscode.l10n.t("aliases become model ids"),
  check_countable: () => vscode.l10n.t("tokens can be counted exactly"),
  check_counter_refusals: () => vscode.l10n.t("refusals of the counter keep upstream's words"),
  check_counts_exact: () => vscode.l10n.t("tokens are counted exactly"),
  check_error_words: () => vscode.l10n.t("errors keep upstream's words"),
  check_events_unchanged: () => vscode.l10n.t("events come back unchanged"),
  check_failed: (values) => vscode.l10n.t("{check}: {reason}", values),
  check_large_answers: () => vscode.l10n.t("large answers do not end the worker"),
  check_nothing_added: () => vscode.l10n.t("nothing is added to requests"),
  check_once_after_break: () => vscode.l10n.t("one call after a broken stream"),
  check_once_after_max_tokens: () => vscode.l10n.t("one call after max_tokens"),
  check_once_after_refusal: () => vscode.l10n.t("one call after a refusal"),
  check_once_without_model: () => vscode.l10n.t("one call where upstream has no such model"),
  check_passed: (values) => vscode.l10n.t("✓ {check}", values),
  check_requests_unchanged: () => vscode.l10n.t("requests reach upstream unchanged"),
  check_rewritable: () => vscode.l10n.t("requests can be rewritten"),
  check_runs: () => vscode.l10n.t("Claude Code runs"),
  check_stop: () => vscode.l10n.t("a request can be stopped"),
  check_system_prompt: () => vscode.l10n.t("the system prompt is carried"),
  checks_failed: (values) => vscode.l10n.t("failed {failed} of {total} checks", values),
  checks_passed: () => vscode.l10n.t("passed the self-check"),
  checks_skipped: (values) => vscode.l10n.t("the self-check was not run: {reason}", values),
  cli_found: (values) => vscode.l10n.t("Claude Code {version} at {path}", values),
  cli_skipped: (values) => vscode.l10n.t("skipped {path}: {reason}", values),
  counts_inexact: (values) =>
    vscode.l10n.t("tokens are not counted exactly, because the self-check failed: {reason}", values),
  environment: () => vscode.l10n.t("the environment"),
  environment_setting: () => vscode.l10n.t("the setting claudeVirtualApi.environment"),
  guard_active: (values) => vscode.l10n.t("Claude Code's guard for organizations is active: {name}", values),
  helper_ended: (values) =>
    vscode.l10n.t("the apiKeyHelper in Claude Code's settings ended with exit code {code}", values),
  helper_printed_nothing: () => vscode.l10n.t("the apiKeyHelper in Claude Code's settings printed nothing"),
  home_unusable: (values) =>
    vscode.l10n.t("{name} is '{path}', {reason}: Claude Code can neither find nor save a sign-in there", values),
  key_not_required: () =>
    vscode.l10n.t(
      "no API key is required: every account on this machine can use the server, and so your plan or API billing. To require one, run 'Claude Virtual API: Create API Key'.",
    ),
  managed_elsewhere: (values) => vscode.l10n.t("managed settings from elsewhere: {names}", values),
  managed_settings: (values) => vscode.l10n.t("managed settings in {file}: {names}", values),
  mod_not_loaded: () => vscode.l10n.t("the mod that rewrites requests was not loaded"),
  mods_forbidden: (values) =>
    vscode.l10n.t("mods are forbidden ({names}): only settings keep Claude Code from further paid calls", values),
  mods_not_asked: () => vscode.l10n.t("Claude Code does not ask mods about calls"),
  option_given: (values) => vscode.l10n.t("{name} was given", values),
  plan_by_login: (values) => vscode.l10n.t("{plan} (by /login)", values),
  port_taken_on_ipv6: (values) =>
    vscode.l10n.t(
      "Another program listens on {place}. A client that uses 'localhost' may reach that one, with its key: use {url}.",
      values,
    ),
  profile: () => vscode.l10n.t("an Anthropic profile"),
  provider_anthropic_aws: () => vscode.l10n.t("the Claude Platform on AWS"),
  provider_anthropic_google: () => vscode.l10n.t("the Claude Platform on Google Cloud"),
  provider_gateway: () => vscode.l10n.t("a gateway of your organization"),
  proxy_used: (values) => vscode.l10n.t("uses the proxy {proxy}", values),
  rewrite_bedrock_counter: () =>
    vscode.l10n.t("on Amazon Bedrock, rewriting cannot be tested with the free token counter"),
  rewrite_bedrock_signed: () => vscode.l10n.t("Amazon Bedrock's requests are signed before a mod can rewrite them"),
  rewrite_configured_away: () => vscode.l10n.t("this is configured"),
  rewrite_managed: () => vscode.l10n.t("this machine has managed settings"),
  rewrite_not_by_version: (values) => vscode.l10n.t("Claude Code {version} cannot rewrite requests", values),
  self_check_failed: (values) => vscode.l10n.t("the self-check failed: {reason}", values),
  self_check_of_managed_settings: (values) =>
    vscode.l10n.t("managed settings ({names}) decide which address or sign-in Claude Code uses", values),
  sign_in: (values) => vscode.l10n.t("signed in with {name}", values),
  sign_in_console_key: () => vscode.l10n.t("an Anthropic Console key (by /login)"),
  sign_in_from: (values) => vscode.l10n.t("signed in with {name}, from {origin}", values),
  sign_in_helper: () => vscode.l10n.t("the key from apiKeyHelper"),
  sign_in_missing: () => vscode.l10n.t("not signed in: run 'claude' in a terminal and sign in with /login"),
  sign_in_overrides: (values) =>
    vscode.l10n.t("{source} takes precedence over {other}: remove {source} to use that instead", values),
  transport_overlay: (values) =>
    vscode.l10n.t("requests are merged into those of Claude Code (overlay), because {reason}", values),
  transport_rewrite: () => vscode.l10n.t("requests are sent as their clients write them"),
  variables_overridden: (values) =>
    vscode.l10n.t(
      "managed settings ({names}) override this server's variables, so Claude Code changes requests",
      values,
    ),
} satisfies MessageTexts;
