package trust

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// NoFollow is zero on Windows, where an ordinary user cannot create a symbolic link.
const NoFollow = 0

// facts returns only the owner, as a uid: our own uid for the user, and root's for an administrator
// or the system. Permissions are inherited from the parent folder and are not checked.
func facts(path string, _ fs.FileInfo) (f Facts, ok bool) {
	security, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return Facts{}, false
	}
	owner, _, err := security.Owner()
	if err != nil {
		return Facts{}, false
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return Facts{}, false
	}
	switch {
	case owner.Equals(user.User.Sid):
		return Facts{UID: os.Geteuid()}, true
	case owner.IsWellKnown(windows.WinBuiltinAdministratorsSid), owner.IsWellKnown(windows.WinLocalSystemSid):
		return Facts{UID: 0}, true
	}
	return Facts{UID: 1}, true
}
