// SPDX-License-Identifier: Apache-2.0

/// The first screen: what there is, in the order in which people need it.
enum Overview {
    static let text = """
        Sallyport runs a command, or a coding agent, in a fresh sandbox and hands back what it did.

        usage: sallyport VERB [options]

          run        one command in a fresh sandbox           sallyport run --workspace . -- make test
          task run   a repository, a task, an agent; a branch with evidence comes back
                     task mirror and task repository make what run --git serves
          onboard    looks at a repository and proposes a blueprint for it
          blueprint  which repositories agents may work on, and how: validate, plan, apply, list
          submit     a task for sallyportd, which sees it through   sallyport submit --repo team/library --task @task.md --wait ...
                     status, list, events, trace, watch, cancel, resume, hold, release, logs tell of such tasks; backup keeps what is known of them
          ops        what an operator should look at: tasks that are stuck, a backlog, failures, a full disk
          memory     what later tasks of a repository are told of earlier ones
          pending    what such tasks ask before they go on; approve and deny answer
          agent      which agents there are presets for; look for one, install one
          collect    takes what an agent left in a directory, running nothing of it
          evidence   what a task did, and whether its bundle is what this host signed
          reproduce  a sandbox of a task once more, from its bundle alone
          model      what a session said to models, once more sallyport model replay model-record.jsonl
          session    list, show, diff, apply, discard, shell, policy, stop
          why        one recorded decision about the network  sallyport why s-abcdefghijkl-12
          profile    list, show, lint what a sandbox allows   sallyport profile show strict --resolved
          doctor     what this host can hold, and what to do where it cannot
          pool       create, mount, show, remove the disk space for large workspaces
          supervise  make sessions for users without root, within a ceiling
          sweep      remove what killed sessions left

        Each verb explains itself: sallyport VERB --help
        """
}
