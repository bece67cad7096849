package cli

import (
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"ocgo-key/internal/manual"
	"ocgo-key/internal/version"
)

type manCmd struct{}

func (*manCmd) Help() string {
	return `Prints the man page. Its text is that of --help.

Example:
  ocgo-key man >ocgo-key.1`
}

func (*manCmd) Run(a *app, ctx *kong.Context) error {
	return a.Print("%s", manPage(ctx.Model, builtFrom()).Roff())
}

func manPage(app *kong.Application, date string) manual.Page {
	return manual.Page{App: app, Version: version.String(), Date: date,
		Brief:    "keeps OpenCode Go keys in the OS keychain and switches to the next key at a limit",
		Sections: []manual.Section{exitSection(), environmentSection(), filesSection()}}
}

// builtFrom returns the date of the commit of this build; empty if unknown.
func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			return strings.Split(s.Value, "T")[0]
		}
	}
	return ""
}

func exitSection() manual.Section {
	row := func(code int, meaning string) []string { return []string{strconv.Itoa(code), meaning} }
	return manual.Section{Title: "Exit codes", Columns: []string{"code", "meaning"}, Rows: [][]string{
		row(0, "done"),
		row(exitGeneral, "general error"),
		row(exitNoAccount, "no such account, no account at all, or an account whose key is missing"),
		row(exitLocked, "the keychain is locked"),
		row(exitNoKeychain, "there is no keychain"),
		row(exitTimeout, "the keychain did not answer in time"),
		row(exitRefused, "refused by the keychain, the service (`add`, `replace`) or the user, or [to an agent's shell](#agents-shells)"),
		row(exitTooLarge, "the key is larger than 2560 bytes"),
		row(exitAlready, "the label or the key is already there"),
		row(exitInternal, "internal error"),
		row(exitExhausted, "every account is cooling, rejected or disabled, or no other one is ready; `--max-wait` was too short"),
		row(exitUsage, "wrong usage or input"),
		row(exitWrapper, "`run` itself failed"),
		row(exitCannotRun, "the command cannot be run"),
		row(exitNoCommand, "there is no such command"),
	}}
}

func environmentSection() manual.Section {
	return manual.Section{Title: "Environment variables", Columns: []string{"variable", "read", "meaning"}, Rows: [][]string{
		{"`OCGO_KEY_STATE_DIR`", "by every command", "the folder of the state"},
		{"`OCGO_KEY_STORE`, `OCGO_KEY_IDENTITY`, `OCGO_KEY_BASE_URL`", "by every command", "as the flags"},
		{"`CREDENTIALS_DIRECTORY`", "with `--store file`", "systemd's folder of credentials: `ocgo-key` in it is the identity, where `--identity` names none"},
		{"`PATH`", "with `--store docker:NAME`", "where `docker-credential-NAME` is looked for"},
		{"`XDG_STATE_HOME`, `LOCALAPPDATA`, `HOME`", "by every command", "where the state is if `OCGO_KEY_STATE_DIR` is not set"},
		{"`DBUS_SESSION_BUS_ADDRESS`", "on Linux", "the bus of the keychain; else `/run/user/UID/bus`, else the address in `/run/user/UID/dbus-session`"},
		{"`DISPLAY`, `WAYLAND_DISPLAY`, `SSH_CONNECTION`, `SSH_TTY`", "by `add`, `replace`, `remove`, `run`, `gateway`", "whether a user may be present to unlock the keychain"},
		{"`HTTPS_PROXY`, `NO_PROXY` and their like", "by `add`, `replace`, `run`, `gateway`", "as Go programs read them; `run` adds 127.0.0.1 and localhost to `NO_PROXY` and `no_proxy` of its command"},
		{"`COLUMNS`", "by `--help`", "how wide the terminal is"},
		{"`OPENCODE_CONFIG_CONTENT`", "and set by `run`, for `opencode`", "the gateway is merged into it"},
		{"`OPENCODE_BASE_URL`, `OPENCODE_API_KEY`", "set by `run`, not for `opencode`", "the gateway and its token; with `--env-key` only `OPENCODE_API_KEY`, the real key, for `opencode` as well"},
		{"`OCGO_KEY_GATEWAY`, `OCGO_KEY_GATEWAY_TOKEN`, `OCGO_KEY_GATEWAY_ZEN`", "and set by `run`", "the gateway's address without a path, its token, and whether it serves Zen, for a nested `run`"},
		{"`OCGO_KEY_USER_CONTENT`", "and set by `run`", "`OPENCODE_CONFIG_CONTENT` as it was before, for a nested `run` and for an agent's shells"},
		{"`OCGO_KEY_USER_NO_PROXY`, `OCGO_KEY_USER_no_proxy`", "and set by `run`", "`NO_PROXY` and `no_proxy` as they were before, for programs that must not use the run's gateway"},
		{"`OPENCODE_PASSWORD`", "set by `run`, for OpenCode 2", "the password of its private server"},
		{"`TMPDIR`", "by `run`", "where the folder of a run is made"},
		{"`OPENCODE_SERVER_PASSWORD`, `OPENCODE_SERVER_USERNAME`", "by `run`; the first is also set", "OpenCode's own server, when a full-screen OpenCode is restarted"},
		{"`OPENCODE`, `CLAUDECODE`, `CODEX_CI`, `PI_CODING_AGENT`, `QWEN_CODE`, `OCGO_KEY_AGENT_SHELL`", "by every command", "the marks of an agent's shell"},
	}}
}

func filesSection() manual.Section {
	return manual.Section{Title: "Files", Columns: []string{"file", "holds"},
		Text: "The state folder is `$OCGO_KEY_STATE_DIR`, else `$XDG_STATE_HOME/ocgo-key` (`~/.local/state/ocgo-key`); on macOS `~/Library/Application Support/ocgo-key`; on Windows `%LOCALAPPDATA%\\ocgo-key`. Folder 0700, files 0600. None holds a key but `keys.age`, which holds them encrypted.",
		Rows: [][]string{
			{"`state.json`", "accounts, cooldowns, rejections, leases, usage, settings; format 1"},
			{"`state.json.last`", "a copy, which may lack the latest leases"},
			{"`state.json.bak.UNIXTIME`", "a `state.json` that could not be read, set aside"},
			{"`state.lock`", "the lock around each change; empty"},
			{"`gets`", "an empty file for each process that called `get` more than once, with the time of its last call"},
			{"`keys.age`, `keys.lock`", "with `--store file`: the keys, as a file that `age -d -i IDENTITY` decrypts to `{\"version\":1,\"keys\":{ID:KEY}}`; its lock, empty"},
			{"`move.lock`", "the lock between `migrate` and commands that store or delete a key; empty"},
			{"`add.lock`", "the lock around adding a key; empty"},
			{"`events.jsonl`", "events, one JSON object per line; past 1 MiB the older half is deleted"},
		}}
}
