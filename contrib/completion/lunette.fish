# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of lunette for fish. What could stand at the cursor says the program itself; where it
# says nothing, fish offers files and folders.

function __lunette_complete
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    set -l found ($words[1] complete $words[2..] $begun 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (string replace -r -- '^--[a-z-]+=' '' $begun)
    end
end
complete -c lunette -f -a '(__lunette_complete)'
