#!/usr/bin/env bash
# A folder to use as PATH that shows a bare machine: links to Python, make, git and GNU coreutils, and nothing else.
#
#     bash .ci/bare_path.sh FOLDER && PATH=FOLDER make test
set -euo pipefail
folder=$1
mkdir -p "$folder"
coreutils=(
    arch b2sum base32 base64 basename cat chgrp chmod chown cksum comm cp csplit cut date dd df dir dircolors dirname du echo env
    expand expr factor false fmt fold groups head hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv
    nice nl nohup nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir seq sha1sum
    sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout
    touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes
)
for name in make git "${coreutils[@]}"; do
    path=$(type -P "$name") && ln -sf "$path" "$folder/$name"
done
ln -sf "$(python3 -c 'import sys; print(sys.executable)')" "$folder/python3" # not a version manager's script, which needs more
