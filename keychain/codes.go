package keychain

import "fmt"

// The systems' own codes, as pure functions of the code so that every table
// can be tested on every system.

// securityExit reads an exit code of macOS' /usr/bin/security: the low byte of
// an OSStatus (SecBase.h), for instance errSecItemNotFound -25300 = 44.
func securityExit(code int) *failure {
	switch code {
	case 44: // errSecItemNotFound
		return notFound
	case 36: // errSecInteractionNotAllowed
		return &failure{
			kind: Locked,
			msg:  "the keychain is locked, and this session can't ask for its password",
			hint: "run `security unlock-keychain` and try again",
			mend: "security unlock-keychain",
		}
	case 51: // errSecAuthFailed
		return &failure{
			kind: Refused,
			msg:  "the keychain did not accept the authorization",
			hint: "allow `security` to use the item when macOS asks, or unlock the keychain with `security unlock-keychain`",
			mend: "security unlock-keychain",
		}
	case 128: // errSecUserCanceled
		return &failure{
			kind: Refused,
			msg:  "the question was cancelled",
			hint: "try again and allow it",
		}
	case 52: // errSecReadOnly
		return &failure{
			kind: Refused,
			msg:  "the keychain is read-only",
			hint: "make a keychain that you can write the default with `security default-keychain`",
		}
	case 37, 49, 50, 53: // errSecNoDefaultKeychain, InvalidKeychain, NoSuchKeychain, NotAvailable
		return &failure{
			kind: NoKeychain,
			msg:  "there is no usable default keychain",
			hint: "look at `security default-keychain`; log in to the desktop once, or make one in Keychain Access",
			mend: "security default-keychain -d user -s login.keychain-db",
		}
	case 46: // errSecDataTooLarge
		return tooLarge
	}
	return &failure{msg: fmt.Sprintf("security ended with exit code %d", code), hint: "try again in a terminal of the desktop session"}
}

// windowsError reads a Windows error code (winerror.h) of Credential Manager.
func windowsError(code uint32) *failure {
	switch code {
	case 1168: // ERROR_NOT_FOUND
		return notFound
	case 1312: // ERROR_NO_SUCH_LOGON_SESSION
		return &failure{
			kind: NoKeychain,
			msg:  "this logon session has no Credential Manager",
			hint: "log in at the desktop or over Remote Desktop; sessions over ssh or as a service have none",
		}
	case 1058, 1060, 1062, 1722: // ERROR_SERVICE_DISABLED, _DOES_NOT_EXIST, _NOT_ACTIVE, RPC_S_SERVER_UNAVAILABLE
		return &failure{
			kind: NoKeychain,
			msg:  "the Credential Manager service is not running",
			hint: "start it with `sc start VaultSvc` as an administrator",
			mend: "sc start VaultSvc",
		}
	case 5: // ERROR_ACCESS_DENIED
		return &failure{
			kind: Refused,
			msg:  "Credential Manager denied access",
			hint: "run as the user who stored the key; a policy may also forbid saving credentials",
		}
	case 1223: // ERROR_CANCELLED
		return &failure{kind: Refused, msg: "the question was cancelled", hint: "try again and allow it"}
	case 1460: // ERROR_TIMEOUT
		return &failure{kind: Timeout, msg: "Credential Manager did not answer", hint: "try again"}
	case 1783, 534: // RPC_X_BAD_STUB_DATA (what a blob over 2560 bytes gives), ERROR_ARITHMETIC_OVERFLOW
		return tooLarge
	}
	return &failure{msg: fmt.Sprintf("Credential Manager failed with Windows error %d", code), hint: fmt.Sprintf("look the code up with `net helpmsg %d`", code)}
}

// Commands that put a Linux keychain right. gnome-keyring takes all of its stdin for the password, a line's end too:
// hence the detour.
const (
	askPassword         = `bash -c 'read -rsp "Keyring password: " p && printf %s "$p"' | `
	startGnomeKeyring   = askPassword + "gnome-keyring-daemon --unlock"
	restartGnomeKeyring = askPassword + "gnome-keyring-daemon --replace --unlock"
	unsetBus            = "unset DBUS_SESSION_BUS_ADDRESS"
	// unlockOurs asks for the passwords of all keyrings that have a key of ours. It prints keys, hence the null device.
	unlockOurs = "secret-tool search --all --unlock service " + Service + " >/dev/null 2>&1"
)

// The states of a Linux keychain that a user has to tell apart. Each has a
// message and a next step of its own.
var (
	noBus = &failure{
		kind: NoKeychain,
		msg:  "there is no D-Bus session bus",
		hint: "run in a desktop session, or under `dbus-run-session`; where one is running (sudo, cron, ssh), set DBUS_SESSION_BUS_ADDRESS to it",
		mend: `dbus-run-session -- "$SHELL"`,
	}
	deadBus = &failure{
		kind: NoKeychain,
		msg:  "the D-Bus session bus can't be reached",
		hint: "DBUS_SESSION_BUS_ADDRESS may be left over from a session that ended: log in again or set it to the running bus",
		mend: unsetBus,
	}
	foreignBus = &failure{
		kind: NoKeychain,
		msg:  "the D-Bus session bus does not let this user in",
		hint: "run as the user whose session it is, not under sudo or su",
		mend: "exit",
	}
	noService = &failure{
		kind: NoKeychain,
		msg:  "no keychain service is on the D-Bus session bus",
		hint: "install and start gnome-keyring, KWallet, or KeePassXC with its Secret Service integration",
		mend: startGnomeKeyring,
	}
	noDefault = &failure{
		kind: NoKeychain,
		msg:  "the keychain service has no default keyring",
		hint: "make one and set it as default, for instance in Passwords and Keys (seahorse), or log in with your password so that it is made",
		mend: restartGnomeKeyring,
	}
	lockedRing = &failure{
		kind: Locked,
		msg:  "the keychain is locked",
		hint: "unlock it in the desktop (Passwords and Keys, KWalletManager, KeePassXC) and answer its question; without a desktop, run `gnome-keyring-daemon --replace --unlock`, which reads the password from stdin, without a line's end",
		mend: restartGnomeKeyring,
	}
	silentBus = &failure{
		kind: Timeout,
		msg:  "the D-Bus session bus does not answer",
		hint: "DBUS_SESSION_BUS_ADDRESS may name something else: log in again or set it to the running bus",
		mend: unsetBus,
	}
	silentService = &failure{
		kind: Timeout,
		msg:  "the keychain service does not answer",
		hint: "see whether it waits for you to answer a question on the screen; else start it anew",
		mend: restartGnomeKeyring,
	}
	lostService = &failure{
		kind: NoKeychain,
		msg:  "the keychain service ended in the middle of the call",
		hint: "start it anew, and try again",
		mend: restartGnomeKeyring,
	}
	lostBus = &failure{
		msg:  "the D-Bus connection was lost during the call",
		hint: "see that the keychain service is running, and try again",
		mend: restartGnomeKeyring,
	}
)

// dbusError reads a D-Bus error by its name only. Its text is the service's,
// and could say anything.
// Names: D-Bus Specification, and Secret Service API 0.2, "Errors".
func dbusError(name string) *failure {
	switch name {
	case "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotValid",
		"org.freedesktop.DBus.Error.Spawn.ExecFailed",
		"org.freedesktop.DBus.Error.Spawn.ForkFailed",
		"org.freedesktop.DBus.Error.Spawn.ChildExited",
		"org.freedesktop.DBus.Error.Spawn.ChildSignaled",
		"org.freedesktop.DBus.Error.Spawn.Failed",
		"org.freedesktop.DBus.Error.Spawn.FileInvalid",
		"org.freedesktop.DBus.Error.Spawn.PermissionsInvalid",
		"org.freedesktop.DBus.Error.Spawn.SetupFailed",
		"org.freedesktop.DBus.Error.Spawn.ConfigInvalid":
		return noService
	case "org.freedesktop.Secret.Error.IsLocked":
		return lockedRing
	case "org.freedesktop.Secret.Error.NoSuchObject":
		return noDefault
	case "org.freedesktop.DBus.Error.AccessDenied",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
		return &failure{
			kind: Refused,
			msg:  "the keychain service denied access",
			hint: "allow ocgo-key in the keychain's settings; inside a sandbox, give it access to org.freedesktop.secrets",
		}
	case "org.freedesktop.DBus.Error.AuthFailed":
		return foreignBus
	case "org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.Timeout",
		"org.freedesktop.DBus.Error.TimedOut":
		return &failure{
			kind: Timeout,
			msg:  "the keychain service did not answer",
			hint: "see that it is running (it may have just ended), and try again",
			mend: restartGnomeKeyring,
		}
	case "org.freedesktop.DBus.Error.Disconnected":
		return lostBus
	}
	return &failure{
		msg:  "the keychain service failed with " + name,
		hint: "see that the keychain service works, with `secret-tool` for instance, and try again",
	}
}
