/** A name, a number, another message, or a list of them. */
export type MessageValue = string | number | MessageDescriptor | readonly MessageValue[];

/**
 * A message by id and values, which user interfaces can translate. Clients get it on request, as
 * `error.details.message`.
 */
export interface MessageDescriptor {
  id: MessageId;
  values: Readonly<Record<string, MessageValue>>;
}

/** Errors: by id, with the names of their values. */
const ERRORS = {
  answer_interrupted: ["reason"],
  batch_running: ["id"],
  certificate_expired: ["api", "code"],
  certificate_not_yet_valid: ["api", "code"],
  certificate_of_other_name: ["api", "code"],
  certificate_untrusted: ["api", "code"],
  certificate_untrusted_with_authorities: ["api", "code", "path"],
  cli_base_url_invalid: [],
  cli_ended: ["how"],
  cli_environment: ["name", "path", "reason"],
  cli_forbidden: ["reason"],
  cli_incompatible: ["version", "checks"],
  cli_missing: [],
  cli_not_signed_in: [],
  cli_not_started: ["reason"],
  cli_proxy_invalid: ["name"],
  cli_refused: ["request", "reason"],
  cli_replaced: ["expected", "version"],
  cli_silent: ["request", "seconds"],
  cli_start_overloaded: ["reason"],
  cli_too_large: ["megabytes"],
  cli_too_old: ["path", "version", "minimum"],
  cli_unguarded: [],
  cli_unreadable: ["reason"],
  cli_unresponsive: ["seconds"],
  cli_unusable: ["path", "reason"],
  clis_unusable: ["count", "paths"],
  connection_failed: ["api", "code"],
  data_directory_in_use: ["path", "pid"],
  data_directory_newer: ["path", "format"],
  data_directory_not_private: ["path"],
  data_directory_unusable: ["path", "reason"],
  data_file_unreadable: ["path"],
  disk_full: [],
  disk_quota_used_up: [],
  disk_read_only: [],
  disk_write_denied: [],
  dns_failed: ["name", "code"],
  file_empty: [],
  file_expired: ["id"],
  file_name_characters: [],
  file_name_reserved: ["name"],
  file_name_too_long: ["maximum"],
  helper_silent: ["seconds"],
  internal_error: [],
  key_required: ["host"],
  listen_address_unknown: [],
  listen_denied: [],
  model_forbidden: ["model"],
  overloaded: ["waiting"],
  path_of_other_user: ["path", "uid"],
  port_in_use: ["port"],
  port_in_use_by_unproven_server: ["port"],
  proxy_asks_for_credentials: ["proxy"],
  proxy_protocol_unknown: ["proxy"],
  proxy_refuses: ["proxy", "api", "status"],
  proxy_unreachable: ["proxy", "code"],
  request_timed_out: ["seconds"],
  results_archived: ["id", "time"],
  results_pending: ["id"],
  server_shutting_down: [],
  server_stopped: [],
  storage_quota_exceeded: ["gigabytes"],
  storage_unreadable: ["reason"],
  storage_unwritable: ["reason"],
  tls_handshake_failed: ["api", "code"],
  too_many_open_files: [],
  upstream_asleep: [],
  upstream_not_a_stream: ["type"],
  upstream_silent: ["seconds"],
  upstream_timed_out: ["reason"],
  upstream_unreachable: ["reason"],
} as const;

const PARTS = {
  api: [],
  api_through_proxy: ["api", "proxy"],
  directory_disk_full: [],
  directory_missing: [],
  directory_not_a_directory: [],
  directory_quota_used_up: [],
  directory_read_only: [],
  directory_write_denied: [],
  event_too_deep: ["maximum"],
  file_missing: [],
  file_not_executable: [],
  link_broken: [],
  managed_carrier: ["name"],
  no_reason: [],
  node_missing: [],
  not_a_file: [],
  process_files: [],
  proxy: [],
  proxy_at: ["proxy"],
  request_replaced: [],
  server_failed_silently: [],
  shim_without_program: [],
  system_files: [],
  system_memory: [],
  system_processes: [],
  tool_input_too_large: ["maximum"],
  version_failed: ["how", "words"],
  version_late: ["seconds"],
  version_not_named: [],
} as const;

const NOTES = {
  authorities_extra: ["path"],
  authorities_unreadable: ["path", "code"],
  base_url_removed: ["name", "place", "url"],
  base_url_removed_with: ["name", "place", "url", "names"],
  check_failed: ["check", "reason"],
  check_passed: ["check"],
  checks_failed: ["failed", "total"],
  checks_passed: [],
  checks_skipped: ["reason"],
  cli_found: ["version", "path"],
  cli_skipped: ["path", "reason"],
  counts_inexact: ["reason"],
  guard_active: ["name"],
  helper_ended: ["code"],
  helper_printed_nothing: [],
  home_unusable: ["name", "path", "reason"],
  key_not_required: [],
  managed_elsewhere: ["names"],
  managed_settings: ["file", "names"],
  mods_forbidden: ["names"],
  port_taken_on_ipv6: ["place", "url"],
  proxy_used: ["proxy"],
  sign_in: ["name"],
  sign_in_from: ["name", "origin"],
  sign_in_missing: [],
  sign_in_overrides: ["source", "other"],
  transport_overlay: ["reason"],
  transport_rewrite: [],
  variables_overridden: ["names"],
} as const;

const NAMES = {
  check_aliases: [],
  check_countable: [],
  check_counter_refusals: [],
  check_counts_exact: [],
  check_error_words: [],
  check_events_unchanged: [],
  check_large_answers: [],
  check_nothing_added: [],
  check_once_after_break: [],
  check_once_after_max_tokens: [],
  check_once_after_refusal: [],
  check_once_without_model: [],
  check_requests_unchanged: [],
  check_rewritable: [],
  check_runs: [],
  check_stop: [],
  check_system_prompt: [],
  environment: [],
  environment_setting: [],
  mod_not_loaded: [],
  mods_not_asked: [],
  option_given: ["name"],
  plan_by_login: ["plan"],
  profile: [],
  provider_anthropic_aws: [],
  provider_anthropic_google: [],
  provider_gateway: [],
  rewrite_bedrock_counter: [],
  rewrite_bedrock_signed: [],
  rewrite_configured_away: [],
  rewrite_managed: [],
  rewrite_not_by_version: ["version"],
  self_check_failed: ["reason"],
  self_check_of_managed_settings: ["names"],
  sign_in_console_key: [],
  sign_in_helper: [],
} as const;

/** The names of the values of every message. A user interface has a text for each id. */
export const MESSAGE_VALUES = { ...ERRORS, ...PARTS, ...NOTES, ...NAMES };

/** Stands in for the reason of a failure that has none. */
export const NO_REASON = "no reason given";

export type MessageId = keyof typeof MESSAGE_VALUES;

type ValuesOf<Id extends MessageId> = Record<(typeof MESSAGE_VALUES)[Id][number], MessageValue>;

/** Only `NO_REASON` is translated. */
export function describeReason(reason: string): MessageValue {
  return reason === NO_REASON ? describe("no_reason", {}) : reason;
}

export function describe<Id extends MessageId>(id: Id, values: ValuesOf<Id>): MessageDescriptor {
  return { id, values };
}

/** An error outside a request, such as at startup. */
export class DescribedError extends Error {
  readonly descriptor: MessageDescriptor;

  constructor(message: string, descriptor: MessageDescriptor, options?: ErrorOptions) {
    super(message, options);
    this.descriptor = descriptor;
  }
}

/** Request header of clients that translate errors: `1` adds `details.message` to errors. */
export const DESCRIBE_HEADER = "claude-virtual-api-describe";
