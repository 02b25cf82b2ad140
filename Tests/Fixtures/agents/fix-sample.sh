# SPDX-License-Identifier: Apache-2.0
# The agent of the demonstration: a script in the place of a model. It reads its task, finds the line and mends it.
set -eu
echo "agent: task is: $(printf '%s\n' "$SALLYPORT_TASK" | head -n 1)"
sed -i 's/start < merged\[-1\]\[1\]/start <= merged[-1][1]/' intervals.py
git --no-pager diff --stat
