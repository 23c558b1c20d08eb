('changes', 'push', 'rename machine', 'rename projects', 'compact', 'transcripts', 'watch')
