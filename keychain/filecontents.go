package keychain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// contentsVersion is the version of the format that this program writes.
const contentsVersion = 1

// maxFileSize is the largest keys.age or identity that is read, in bytes.
const maxFileSize = 16 << 20

// contents is the plaintext of keys.age.
type contents struct {
	Version int               `json:"version"`
	Keys    map[string]string `json:"keys"` // by account id
}

func (c contents) ids() []string { return slices.Sorted(maps.Keys(c.Keys)) }

// read returns the contents of the file, which are empty if there is no file yet.
func (s *fileStore) read(identities []age.Identity) (contents, error) {
	data, err := readPrivate(s.path(keysName), "the file of keys", false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := s.target(); err != nil {
			return contents{}, err
		}
		return contents{Version: contentsVersion, Keys: map[string]string{}}, nil
	case err != nil:
		return contents{}, err
	}
	return decryptContents(data, identities)
}

// damagedFile returns the error for a keys.age that can't be used.
func damagedFile(what string) *Error {
	return &Error{
		Err:  errors.New(keysName + " " + what),
		Hint: "restore it from a backup; `age -d -i IDENTITY " + keysName + "` shows what is in it",
	}
}

func decryptContents(data []byte, identities []age.Identity) (contents, error) {
	plain, err := decrypt(data, identities...)
	defer clear(plain)
	if err != nil {
		if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
			return contents{}, &Error{
				Kind: Locked,
				Err:  errors.New(keysName + " is encrypted for another identity"),
				Hint: "name the right identity with --identity PATH or OCGO_KEY_IDENTITY",
			}
		}
		return contents{}, damagedFile("can't be decrypted: it is damaged, or not an age file")
	}
	// The version is read even if the rest has another format.
	var c contents
	err = json.Unmarshal(plain, &c)
	switch {
	case c.Version > contentsVersion:
		return contents{}, &Error{Err: errors.New(keysName + " was written by a newer version of ocgo-key"), Hint: "upgrade ocgo-key"}
	case err != nil || c.Version < 1 || c.Keys == nil:
		return contents{}, damagedFile("does not contain what ocgo-key writes")
	}
	return c, nil
}

// decrypt decrypts an age file, binary or armored.
func decrypt(data []byte, identities ...age.Identity) ([]byte, error) {
	var source io.Reader = bytes.NewReader(data)
	if strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 256)])), armor.Header) {
		source = armor.NewReader(bufio.NewReader(source))
	}
	plain, err := age.Decrypt(source, identities...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(plain, maxFileSize))
}

func encryptContents(c contents, identities []age.Identity) ([]byte, error) {
	plain := new(bytes.Buffer)
	defer func() { clear(plain.Bytes()) }()
	enc := json.NewEncoder(plain)
	enc.SetIndent("", " ")
	if err := enc.Encode(c); err != nil {
		return nil, &Error{Err: errors.New("cannot encode the keys")} // never happens: a map of strings
	}
	var recipients []age.Recipient
	for _, identity := range identities {
		switch i := identity.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, i.Recipient())
		case *age.HybridIdentity:
			recipients = append(recipients, i.Recipient())
		}
	}
	encrypted := new(bytes.Buffer)
	w, err := age.Encrypt(encrypted, recipients...)
	if err == nil {
		_, err = w.Write(plain.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, &Error{
			Kind: Refused,
			Err:  errors.New("age does not encrypt for this identity"),
			Hint: "use an identity file with one kind of identity (X25519, as `age-keygen` makes them)",
		}
	}
	return encrypted.Bytes(), nil
}
