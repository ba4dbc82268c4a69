"""WebSub (https://www.w3.org/TR/websub/): hubs announce new stories, so that most polls are unnecessary.

- `state`: the push subscriptions of an outlet, as the store keeps them
- `schedule`: how long an outlet whose stories are pushed may wait for its next poll
- `subscriber`: sends requests to hubs after polls
- `callbacks`: the web server to which hubs send verifications and pushes
"""
