import * as vscode from "vscode";
import type { MessageTexts } from "./messageText.ts";

/** Failures of Claude Code, of connections and of the API. */
export const cliTexts = {
  answer_interrupted: (values) => vscode.l10n.t("The answer broke off: {reason}", values),
  certificate_expired: (values) =>
    vscode.l10n.t(
      "The certificate of {api} has expired ({code}). Check the clock of this machine; otherwise the operator of that server has to renew it.",
      values,
    ),
  certificate_not_yet_valid: (values) =>
    vscode.l10n.t("The certificate of {api} is not valid yet ({code}). Check the clock of this machine.", values),
  certificate_of_other_name: (values) =>
    vscode.l10n.t(
      "The certificate of {api} is for another name ({code}). Check ANTHROPIC_BASE_URL and the proxy.",
      values,
    ),
  certificate_untrusted: (values) =>
    vscode.l10n.t(
      "Claude Code does not trust the certificate of {api} ({code}). If your organization signs it for a proxy or gateway, add its certificate authority to the system's certificates, or set NODE_EXTRA_CA_CERTS to a PEM file with it.",
      values,
    ),
  certificate_untrusted_with_authorities: (values) =>
    vscode.l10n.t(
      "Claude Code does not trust the certificate of {api} ({code}). If your organization signs it for a proxy or gateway, add its certificate authority to the system's certificates, or to the file of NODE_EXTRA_CA_CERTS, {path}.",
      values,
    ),
  cli_base_url_invalid: () =>
    vscode.l10n.t(
      "Claude Code cannot call the API, because ANTHROPIC_BASE_URL is not a URL. Set it to a URL such as https://gateway.example.com, or unset it.",
    ),
  cli_ended: (values) =>
    vscode.l10n.t("Claude Code ended before the answer was complete ({how}). Send the request again.", values),
  cli_environment: (values) =>
    vscode.l10n.t(
      "Claude Code could not be started: {name} is '{path}', {reason}. Set {name} to a directory that you can write to.",
      values,
    ),
  cli_forbidden: (values) =>
    vscode.l10n.t(
      "The managed settings of this machine or organization keep Claude Code from serving requests: {reason}",
      values,
    ),
  cli_incompatible: (values) =>
    vscode.l10n.t(
      "Claude Code {version} is not compatible with Claude Virtual API; failed checks: {checks}. Update Claude Virtual API, or install a version of Claude Code that its documentation lists.",
      values,
    ),
  cli_missing: () =>
    vscode.l10n.t(
      "Claude Code was not found. Install it (npm install -g @anthropic-ai/claude-code), or set its path in claudeVirtualApi.claudePath.",
    ),
  cli_not_signed_in: () =>
    vscode.l10n.t(
      "Claude Code is not signed in. Run 'claude' in a terminal and sign in with /login, or set ANTHROPIC_API_KEY in claudeVirtualApi.environment.",
    ),
  cli_not_started: (values) => vscode.l10n.t("Claude Code could not be started: {reason}", values),
  cli_proxy_invalid: (values) =>
    vscode.l10n.t(
      "Claude Code cannot be started, because {name} is not the URL of a proxy. Set it to a URL such as http://proxy.example.com:8080, or unset it.",
      values,
    ),
  cli_refused: (values) =>
    vscode.l10n.t("Claude Code refused '{request}', and nothing was sent to the API: {reason}", values),
  cli_replaced: (values) =>
    vscode.l10n.t(
      "Claude Code {expected} was replaced by {version} while the request was prepared. Send the request again.",
      values,
    ),
  cli_silent: (values) =>
    vscode.l10n.t("Claude Code did not answer '{request}' within {seconds} s. Send the request again.", values),
  cli_start_overloaded: (values) =>
    vscode.l10n.t("Claude Code could not be started, because {reason}. Try again in a moment.", values),
  cli_too_large: (values) =>
    vscode.l10n.t(
      "Claude Code used more than {megabytes} MB of memory for the request and was ended. Send a smaller request.",
      values,
    ),
  cli_too_old: (values) =>
    vscode.l10n.t(
      "Claude Code {version} at '{path}' is too old: version {minimum} or later is required. Run 'claude update'.",
      values,
    ),
  cli_unguarded: () =>
    vscode.l10n.t(
      "Claude Code did not load the mod that limits each request to one paid call, so nothing was sent. Check that Claude Code can read the data directory and that its managed settings allow plugins, then run the self-check.",
    ),
  cli_unreadable: (values) =>
    vscode.l10n.t(
      "The output of Claude Code cannot be read, and its process was ended: {reason}. Send the request again.",
      values,
    ),
  cli_unresponsive: (values) =>
    vscode.l10n.t(
      "Claude Code stopped responding for {seconds} s, and its process was ended. Send the request again.",
      values,
    ),
  cli_unusable: (values) =>
    vscode.l10n.t(
      "'{path}' does not run as Claude Code: {reason}. Fix claudeVirtualApi.claudePath, or install Claude Code (npm install -g @anthropic-ai/claude-code).",
      values,
    ),
  clis_unusable: (values) =>
    vscode.l10n.t(
      "None of the {count} programs found as 'claude' can be used: {paths}. Run 'claude update', install Claude Code (npm install -g @anthropic-ai/claude-code), or set claudeVirtualApi.claudePath.",
      values,
    ),
  connection_failed: (values) =>
    vscode.l10n.t(
      "{api} cannot be reached ({code}). Check ANTHROPIC_BASE_URL, the network and its firewall. If this network needs a proxy, set http.proxy.",
      values,
    ),
  dns_failed: (values) =>
    vscode.l10n.t(
      "The name {name} cannot be resolved ({code}). Check the network and its DNS. If this network needs a proxy, set http.proxy.",
      values,
    ),
  helper_silent: (values) =>
    vscode.l10n.t(
      "The apiKeyHelper in Claude Code's settings has printed no key for {seconds} s. Run that command in a terminal to see why.",
      values,
    ),
  model_forbidden: (values) =>
    vscode.l10n.t(
      "The managed settings of this machine or organization (availableModels) do not allow the model '{model}'. Choose another model.",
      values,
    ),
  proxy_asks_for_credentials: (values) =>
    vscode.l10n.t(
      "{proxy} asks for credentials (407). Put them into its URL, as in http://user:password@host:port.",
      values,
    ),
  proxy_protocol_unknown: (values) =>
    vscode.l10n.t("{proxy} uses a protocol that Claude Code does not speak. Use http:// or https://.", values),
  proxy_refuses: (values) =>
    vscode.l10n.t("{proxy} refuses to connect to {api} ({status}). Its operator has to allow that address.", values),
  proxy_unreachable: (values) =>
    vscode.l10n.t(
      "{proxy} cannot be reached ({code}). Check its address and that it runs, or remove the setting.",
      values,
    ),
  tls_handshake_failed: (values) =>
    vscode.l10n.t(
      "The TLS handshake with {api} failed ({code}). Check ANTHROPIC_BASE_URL and the proxy: https:// is right only if that server speaks TLS.",
      values,
    ),
  upstream_asleep: () => vscode.l10n.t("This machine was asleep while the API answered. Send the request again."),
  upstream_not_a_stream: (values) =>
    vscode.l10n.t(
      "The API answered with '{type}' instead of a stream of events. Check ANTHROPIC_BASE_URL and any proxy or gateway in between.",
      values,
    ),
  upstream_silent: (values) => vscode.l10n.t("The API sent nothing for {seconds} s. Send the request again.", values),
  upstream_timed_out: (values) => vscode.l10n.t("The API did not answer in time: {reason}", values),
  upstream_unreachable: (values) => vscode.l10n.t("Claude Code could not reach the API: {reason}", values),
} satisfies MessageTexts;
